import type { Cause, DecisionEvent, PodEvent, RecordedEvent } from "@eru/events";
import { causeOf } from "./changes.ts";
import { touch } from "./touch.ts";
import type { Zone } from "./zone.ts";

/** A rebalancing asked that a workload runs elsewhere. */
export type AskedMove = {
  to: string;
  requestSeq: number;
  cause: Cause;
  /** What was placed there in its stead. */
  replacement: string | undefined;
};

/** Notes what a rebalancing asks; a newer one counts unless the older has begun. */
export function askMoves(zone: Zone, recorded: RecordedEvent<PodEvent>): void {
  const { event, seq: requestSeq } = recorded;
  if (event.type !== "RebalanceRequested") return;
  for (const { workload: id, to } of event.moves) {
    const workload = zone.workloads.get(id);
    if (!workload || workload.going || workload.move?.replacement) continue;
    workload.move = { to, requestSeq, cause: causeOf(recorded), replacement: undefined };
    touch(zone, workload.deployment);
  }
}

/** A replacement is on its way. */
export function placedInstead(
  zone: Zone,
  { instead, placed: [first] }: Extract<DecisionEvent, { type: "PlacementDecided" }>,
): void {
  const workload = instead === undefined ? undefined : zone.workloads.get(instead);
  if (!workload?.move || !first) return;
  workload.move = { ...workload.move, replacement: first.workload };
  zone.moving.add(workload);
}

/** It stays. A newer request about it stands. */
export function dropMove(
  zone: Zone,
  { workload: id, requestSeq }: Extract<DecisionEvent, { type: "MoveDropped" }>,
): void {
  const workload = zone.workloads.get(id);
  if (workload?.move?.requestSeq !== requestSeq) return;
  workload.move = undefined;
  zone.moving.delete(workload);
}
