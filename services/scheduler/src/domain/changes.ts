import type { Cause, RecordedEvent } from "@eru/events";
import { touch } from "./touch.ts";
import { addToSpread, type Node, type Pod, podOf, type Workload, type Zone } from "./zone.ts";

/** Takes a workload out of the zone and returns its resources: the only place that does. */
export function forgetWorkload(zone: Zone, workload: Workload): void {
  if (!zone.workloads.delete(workload.id)) return;
  const { deployment, node, amounts, booked } = workload;
  const pod = podOf(zone, deployment.pod);
  uncount(zone, workload);
  node.books.giveBack(amounts, booked);
  node.workloads.delete(workload);
  if (booked.cores) noteBound(pod, node);
  deployment.workloads.delete(workload.id);
  pod.draining.delete(workload);
  zone.changing.delete(workload);
  zone.moving.delete(workload);
  pod.changed = true;
  touch(zone, deployment);
}

/** Remembers which nodes have cores that are bound, or have had until a decision shares them again. */
export function noteBound(pod: Pod, node: Node): void {
  if (
    node.agent.shared.cores.length > 0 ||
    node.workloads.values().some(({ booked }) => booked.cores !== undefined)
  )
    pod.bound.add(node);
  else pod.bound.delete(node);
}

/** From now on the workload does not count for the spread of its app and entrypoint. */
export function uncount(zone: Zone, workload: Workload): void {
  if (!workload.counted) return;
  workload.counted = false;
  podOf(zone, workload.deployment.pod).changed = true;
  addToSpread(zone, workload.deployment.key, workload.node.name, -1);
}

/** A held pod is let go when none of its nodes is silent any more. */
export function settleHold(pod: Pod): void {
  if (pod.held && !pod.nodes.values().some((node) => node.liveness === "suspect")) pod.held = false;
}

/** The cause of what follows from a recorded event. */
export const causeOf = (recorded: RecordedEvent): Cause => ({
  correlationId: recorded.cause.correlationId,
  causationId: recorded.id,
});

/** The last order about a workload is on its way. */
export function stopping(pod: Pod, workload: Workload, cause: Cause): void {
  workload.going ??= { drain: false, deadlineMs: 0, cause };
  workload.stopping = true;
  workload.generation++;
  pod.draining.delete(workload);
}
