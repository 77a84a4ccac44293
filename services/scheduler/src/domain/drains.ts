import type { Signals } from "./draft.ts";
import { mayServe, type Pod, type Workload, type Zone } from "./zone.ts";

/** What the load balancers still counted when they gave up waiting; nothing when none of them said. */
export const inFlightOf = ({ drainedBy }: Workload): { inFlight?: number } =>
  drainedBy.size === 0 ? {} : { inFlight: drainedBy.values().reduce((sum, one) => sum + one, 0) };

/**
 * Draining workloads that may be stopped now: every live load balancer reported its endpoint drained, or nobody sends it
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
  if (elbs.size > 0 && elbs.keys().every((elb) => workload.drainedBy.has(elb)))
    return [...workload.drainedBy.values()].some((inFlight) => inFlight > 0) ? "drain_deadline" : "drained";
  return expired.has(workload.id) ? "drain_deadline" : undefined;
}
