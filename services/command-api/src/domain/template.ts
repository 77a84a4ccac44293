import { type AppEntrypoint, type DefaultResources, refuse, type Template } from "@eru/events";
import { type App, unknownApp } from "./app.ts";
import { names, type Refusal } from "./refusal.ts";

/** What shall run, as a user names it. */
export type Wanted = {
  app: string;
  /** Absent: the newest. */
  release?: string | undefined;
  entrypoint: string;
  env: Template["env"];
};

/**
 * What runs, in full, so that the deployment's own history tells it, and what it asks for when nothing is said; or why it
 * cannot be said.
 */
export function freeze(
  state: App,
  wanted: Wanted,
): { ok: true; template: Template; defaults: DefaultResources } | { ok: false; refusal: Refusal } {
  const { app, entrypoint: entrypointName, env } = wanted;
  if (state.phase !== "present") return refuse(unknownApp(app, state));
  const release = wanted.release ?? [...state.releases.keys()].at(-1);
  if (release === undefined) return refuse({ code: "app_without_release", app });
  const found = state.releases.get(release);
  if (!found) return refuse({ code: "release_unknown", app, release, known: names(state.releases.keys()) });
  const entrypoint = entrypointOf(found.spec.entrypoints, entrypointName);
  if (!entrypoint) {
    const known = names(Object.keys(found.spec.entrypoints));
    return refuse({ code: "entrypoint_unknown", app, release, entrypoint: entrypointName, known });
  }
  const { resources: defaults = {}, ...runs } = entrypoint;
  const template = { app, release, entrypointName, image: found.image, entrypoint: runs, env };
  return { ok: true, template, defaults };
}

/** The entrypoint of that name; names such as `constructor` are names like any other. */
export const entrypointOf = (all: Record<string, AppEntrypoint>, name: string): AppEntrypoint | undefined =>
  Object.hasOwn(all, name) ? all[name] : undefined;
