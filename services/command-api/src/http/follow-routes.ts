import { type EruEvent, subjects } from "@eru/events";
import { type Deployed, followSection } from "../domain/section.ts";
import type { Decided } from "../handle.ts";
import type { Intent } from "../intent.ts";

/**
 * A decision about a deployment with the routes that follow from it by the app's `elb` section: recorded together, or
 * refused together.
 */
export function withRoutes(intent: Intent, deployment: string, decided: Decided): Decided {
  if (!decided.ok) return decided;
  const change = decided.events.find(changesTraffic);
  if (!change) return decided;
  const state = intent.deployments.get(deployment);
  const app = "template" in change ? change.template.app : state.phase === "live" ? state.template.app : "";
  const followed = followSection({
    app,
    appState: intent.apps.get(app),
    ...("template" in change && {
      fresh: { release: change.template.release, entrypoint: change.template.entrypointName },
    }),
    others: () => othersOf(intent, app, deployment),
    routes: intent.routes,
    routeOf: (host) => intent.routes.get(host),
    appOf: (name) => intent.apps.get(name),
    certificateOf: (name) => intent.certificates.get(name),
    acme: intent.acme,
    podThere: (pod) => intent.pods.get(pod).phase === "present",
  });
  if (!followed.ok) return followed;
  const also = followed.events.map((event) => ({ subject: subjects.route(event.host), events: [event] }));
  return also.length > 0 ? { ...decided, also } : decided;
}

const changesTraffic = (
  event: EruEvent,
): event is Extract<EruEvent, { type: "DeploymentRequested" | "UpgradeRequested" | "RemovalRequested" }> =>
  ["DeploymentRequested", "UpgradeRequested", "RemovalRequested"].includes(event.type);

/** What else of the app is deployed. */
function othersOf(intent: Intent, app: string, besides: string): Deployed[] {
  const others: Deployed[] = [];
  for (const [id, state] of intent.deployments)
    if (id !== besides && state.phase === "live" && state.template.app === app)
      others.push({ release: state.template.release, entrypoint: state.template.entrypointName });
  return others;
}
