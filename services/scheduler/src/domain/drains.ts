import { carries, mayServe } from "./carriers.ts";
import type { Signals } from "./draft.ts";
import type { Pod, Workload, Zone } from "./zone.ts";

/** What the load balancers still counted when they gave up waiting; nothing when none of them said. */
export const inFlightOf = ({ drainedBy }: Workload): { inFlight?: number } =>
  drainedBy.size === 0 ? {} : { inFlight: drainedBy.values().reduce((sum, one) => sum + one, 0) };

/**
 * Draining workloads that may be stopped now: every live load balancer that had its endpoint reported it drained, or nobody sends it
 * requests any more, or its time is over. While no load balancer is alive only the deadline counts: one that cannot be
 * heard may still be serving.
 */
export function dueStops(
  zone: Zone,
  pod: Pod,
  given: { elbs: Signals["elbs"]; expired: ReadonlySet<string> },
): Map<string, "drained" | "drain_deadline" | "not_routed" | "node_lost"> {
  const due: ReturnType<typeof dueStops> = new Map();
  for (const workload of pod.draining) {
    const because = dueNow(zone, workload, given);
    if (because) due.set(workload.id, because);
  }
  return due;
}

function dueNow(
  zone: Zone,
  workload: Workload,
  { elbs, expired }: { elbs: Signals["elbs"]; expired: ReadonlySet<string> },
) {
  if (workload.node.liveness === "lost") return "node_lost";
  if (!mayServe(zone, workload)) return "not_routed";
  const { deployment, placedSeq } = workload;
  // One that serves other groups than the routes name never had the endpoint.
  const asked = [...elbs.keys()].filter((elb) => carries(zone, elb, deployment, placedSeq));
  if (asked.length > 0 && asked.every((elb) => workload.drainedBy.has(elb)))
    return [...workload.drainedBy.values()].some((inFlight) => inFlight > 0) ? "drain_deadline" : "drained";
  return expired.has(workload.id) ? "drain_deadline" : undefined;
}
