import type { DecisionEvent } from "@eru/events";
import { type KeptRoom, takeKept } from "./kept-room.ts";
import type { Deployment, Pod } from "./zone.ts";

type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;

/** Folds that others are displaced for a deployment: it gets their places. */
export function keepRoom(pod: Pod, { id }: Deployment, { places }: Of<"PreemptionDecided">): void {
  const rooms = places.map(({ node, count, victims }) => ({
    ...{ node, count },
    victims: victims.map(({ workload }) => workload),
  }));
  pod.kept.set(id, [...(pod.kept.get(id) ?? []), ...rooms]);
}

/** Folds that it was placed there, or that a place is kept for it no longer: others may have it. */
export function settleKept(
  pod: Pod,
  { id }: Deployment,
  event: Of<"PlacementDecided" | "PreemptionEnded">,
): void {
  const known = pod.kept.get(id);
  if (!known) return;
  const left: KeptRoom[] = [...known];
  if (event.type === "PlacementDecided") for (const { node } of event.placed) takeKept(left, node);
  else {
    for (const { node } of event.ended) {
      // The newest one: of several on a node those before it may still come true.
      const at = left.findLastIndex((one) => one.node === node);
      if (at >= 0) left.splice(at, 1);
    }
    pod.changed = true;
  }
  if (left.length > 0) pod.kept.set(id, left);
  else pod.kept.delete(id);
}
