import { accept, type Decider, type RouteEvent, type RouteRule, refuse, unreachable } from "@eru/events";
import { type App, unknownApp } from "./app.ts";
import { names, type Refusal } from "./refusal.ts";
import { same } from "./same.ts";
import { entrypointOf } from "./template.ts";

/** A route as its history tells it. */
export type Route =
  | { phase: "absent" }
  | { phase: "declared"; rules: readonly RouteRule[] }
  | { phase: "removed" };

/** What may be asked of a route, with what must be known about its neighbours. */
export type RouteCommand =
  | {
      type: "DeclareRoute";
      host: string;
      rules: RouteRule[];
      /** The apps that the rules name. */
      apps: ReadonlyMap<string, App>;
      /** The pods that the rules name and that are there. */
      pods: ReadonlySet<string>;
    }
  | { type: "RemoveRoute"; host: string };

/** Declaring replaces everything declared for the host. */
export const route: Decider<Route, RouteCommand, RouteEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (_state, event) => {
    switch (event.type) {
      case "RouteDeclared":
        return { phase: "declared", rules: event.rules };
      case "RouteRemoved":
        return { phase: "removed" };
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    const { host } = command;
    switch (command.type) {
      case "DeclareRoute": {
        const { rules, apps, pods } = command;
        for (const [index, rule] of rules.entries()) {
          const fault = faultOf(rule, apps.get(rule.app) ?? { phase: "absent" }, pods);
          if (fault) return refuse({ ...fault.refusal, at: `rules.${index}.${fault.field}` });
        }
        if (state.phase === "declared" && same(state.rules, rules)) return accept();
        return accept({ type: "RouteDeclared", host, rules });
      }
      case "RemoveRoute":
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse({ code: "route_unknown", host });
        return accept({ type: "RouteRemoved", host });
      default:
        return unreachable(command);
    }
  },
};

type Fault = { field: keyof RouteRule; refusal: Refusal };

/** Some release must have what the rule points at; which one runs is the deployments' matter. */
function faultOf(rule: RouteRule, state: App, pods: ReadonlySet<string>): Fault | undefined {
  const { app, entrypoint, pod, port } = rule;
  if (state.phase !== "present") return { field: "app", refusal: unknownApp(app, state) };
  if (state.releases.size === 0) return { field: "app", refusal: { code: "app_without_release", app } };
  const specs = [...state.releases.values()].map((release) => release.spec.entrypoints);
  const found = specs.map((all) => entrypointOf(all, entrypoint)).filter((one) => one !== undefined);
  if (found.length === 0) {
    const known = names(new Set(specs.flatMap((all) => Object.keys(all))));
    return { field: "entrypoint", refusal: { code: "entrypoint_unknown", app, entrypoint, known } };
  }
  const published = [...new Set(found.flatMap((one) => one.publish))].sort((one, other) => one - other);
  if (published.length === 0)
    return { field: "entrypoint", refusal: { code: "nothing_published", app, entrypoint } };
  if (port !== undefined && !published.includes(port))
    return { field: "port", refusal: { code: "port_not_published", app, entrypoint, port, published } };
  if (pod !== undefined && !pods.has(pod))
    return { field: "pod", refusal: { code: "pod_unknown", pod, removed: false } };
  return undefined;
}
