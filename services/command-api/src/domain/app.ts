import {
  type AppEvent,
  type AppSpec,
  accept,
  type Decider,
  type Decision,
  refuse,
  unreachable,
} from "@eru/events";
import { names, type Refusal } from "./refusal.ts";

/** One built version of an app. */
export type Release = { image: string; gitSha: string | undefined; spec: AppSpec; specText: string };

type Present = {
  phase: "present";
  /** In the order of their registration: the last is the newest. */
  releases: ReadonlyMap<string, Release>;
};

/** An app as its history tells it. */
export type App = { phase: "absent" } | Present | { phase: "removed" };

/** What may be asked of an app, with what must be known about its neighbours. */
export type AppCommand =
  | { type: "RegisterApp"; app: string }
  | {
      type: "RegisterRelease";
      app: string;
      release: string;
      image: string;
      gitSha?: string | undefined;
      spec: AppSpec;
      specText: string;
    }
  | {
      type: "RemoveApp";
      app: string;
      /** The app's deployments that were not removed. */
      deployments: readonly string[];
      /** Hosts with a rule that points at the app. */
      hosts: readonly string[];
    };

/** A removed name may be used again; it begins without releases. */
export const app: Decider<App, AppCommand, AppEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    switch (event.type) {
      case "AppRegistered":
        return { phase: "present", releases: new Map() };
      case "ReleaseRegistered": {
        if (state.phase !== "present") return state;
        const { release, image, gitSha, spec, specText } = event;
        return {
          phase: "present",
          releases: new Map(state.releases).set(release, { image, gitSha, spec, specText }),
        };
      }
      case "AppRemoved":
        return { phase: "removed" };
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    const { app } = command;
    switch (command.type) {
      case "RegisterApp":
        return state.phase === "present" ? accept() : accept({ type: "AppRegistered", app });
      case "RegisterRelease":
        if (state.phase !== "present") return refuse(unknownApp(app, state));
        return registerRelease(state, command);
      case "RemoveApp": {
        const { deployments, hosts } = command;
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse(unknownApp(app, state));
        if (deployments.length > 0)
          return refuse({ code: "app_has_deployments", app, deployments: names(deployments) });
        if (hosts.length > 0) return refuse({ code: "app_has_routes", app, hosts: names(hosts) });
        return accept({ type: "AppRemoved", app });
      }
      default:
        return unreachable(command);
    }
  },
};

/** The refusal for an app that is not there. */
export const unknownApp = (app: string, state: App): Refusal => ({
  code: "app_unknown",
  app,
  removed: state.phase === "removed",
});

function registerRelease(
  state: Present,
  command: Extract<AppCommand, { type: "RegisterRelease" }>,
): Decision<AppEvent, Refusal> {
  const { app, release, image, gitSha, spec, specText } = command;
  if (spec.appname !== app) return refuse({ code: "appname_differs", app, appname: spec.appname });
  const known = state.releases.get(release);
  if (known) {
    const differs = (["image", "gitSha", "specText"] as const).find(
      (field) => known[field] !== command[field],
    );
    return differs ? refuse({ code: "release_exists", app, release, differs }) : accept();
  }
  return accept({
    type: "ReleaseRegistered",
    app,
    release,
    image,
    ...(gitSha !== undefined && { gitSha }),
    spec,
    specText,
  });
}
