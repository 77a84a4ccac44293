import type { AppSpec, RouteEvent } from "@eru/events";
import { sectionHosts, sectionRoute } from "@eru/routing";
import type { App } from "./app.ts";
import type { Certificate } from "./certificate.ts";
import { namedIn, type Route } from "./declaration.ts";
import type { Refusal } from "./refusal.ts";
import { route } from "./route.ts";

/** A deployment of the app as far as its routes are concerned. */
export type Deployed = { release: string; entrypoint: string };

/** What must be known to let an app's routes follow its deployments. */
export type Following = {
  app: string;
  appState: App;
  /** What is deployed by the command; absent when it removes. */
  fresh?: Deployed;
  /** The app's other deployments, those that stay. */
  others: () => readonly Deployed[];
  /** All routes there are. */
  routes: Iterable<readonly [host: string, route: Route]>;
  routeOf: (host: string) => Route;
  appOf: (app: string) => App;
  podThere: (pod: string) => boolean;
  certificateOf: (name: string) => Certificate;
  /** Whether the zone gets certificates from an ACME directory. */
  acme: boolean;
};

type Followed = { ok: true; events: RouteEvent[] } | { ok: false; refusal: Refusal };

/** Whether some release of the app has an `elb` section at all. */
const hasSection = (state: App): boolean =>
  state.phase === "present" && state.releases.values().some(({ spec }) => spec.elb !== undefined);

/**
 * The routes that follow from a change of an app's deployments. What the release's `elb` section says of the entrypoint's
 * hosts is declared, for each host whole; routes that sections of the app declared, and that no deployment's section
 * names any more, are removed. Routes that users declared stay theirs.
 */
export function followSection(following: Following): Followed {
  const { app, appState, fresh, routes } = following;
  if (!hasSection(appState)) return { ok: true, events: [] };
  const events: RouteEvent[] = [];
  const deployed = [...(fresh ? [fresh] : []), ...following.others()];
  const wanted = new Set(deployed.flatMap((one) => hostsOf(appState, one)));
  if (fresh)
    for (const host of hostsOf(appState, fresh)) {
      const declared = declare(following, fresh, host);
      if (!declared.ok) return declared;
      events.push(...declared.events);
    }
  for (const [host, state] of routes)
    if (state.phase === "declared" && state.section && state.content.app === app && !wanted.has(host))
      events.push({ type: "RouteRemoved", host });
  return { ok: true, events };
}

const specOf = (state: App, { release }: Deployed): AppSpec | undefined =>
  state.phase === "present" ? state.releases.get(release)?.spec : undefined;

function hostsOf(state: App, deployed: Deployed): readonly string[] {
  const spec = specOf(state, deployed);
  return spec ? sectionHosts(spec, deployed.entrypoint) : [];
}

function declare(following: Following, fresh: Deployed, host: string): Followed {
  const spec = specOf(following.appState, fresh);
  if (!spec) return { ok: true, events: [] };
  const { content, origins } = sectionRoute(spec, host);
  const named = namedIn(content);
  const decided = route.decide(following.routeOf(host), {
    type: "DeclareRoute",
    host,
    content,
    section: fresh.release,
    takeOver: false,
    apps: new Map(named.apps.map((name) => [name, following.appOf(name)])),
    pods: new Set(named.pods.filter(following.podThere)),
    certificate: following.certificateOf(named.certificates[0] ?? ""),
    acme: following.acme,
  });
  if (decided.ok) return { ok: true, events: [...decided.events] };
  const [, index] = decided.refusal.at?.split(".") ?? [];
  const at = (origins[Number(index)] ?? ["elb", fresh.entrypoint, "hosts"]).join(".");
  return { ok: false, refusal: { ...decided.refusal, at } };
}
