import type { OwnContainer } from "./container.ts";
import type { Assigned } from "./desired.ts";
import type { Known } from "./known.ts";

/** The container that an order to run is about: one of its own generation, or whatever there is when it keeps that. */
export function keptBy(
  { keep, generation }: Assigned,
  containers: readonly OwnContainer[],
  known: Pick<Known, "generation" | "undone"> | undefined,
): OwnContainer | undefined {
  const old = known?.generation === generation ? known.undone : undefined;
  if (old !== undefined) return containers.find(({ id }) => id === old);
  if (keep === undefined) return containers.find((one) => one.generation === generation);
  return containers.toSorted((one, other) => other.generation - one.generation)[0];
}

/** What is known at the generation of an order that keeps the container: everything but the failures under older orders. */
export const carriedOn = (known: Known, generation: number): Known => ({
  ...known,
  generation,
  retries: 0,
  vanished: 0,
  retryAtMs: undefined,
  ended: false,
  proven: false,
  undone: undefined,
});

/** The container still runs as before an order to begin anew. */
export const restartDue = ({ keep, generation }: Assigned, known: Known): boolean =>
  keep === "restarted" && known.startedGeneration !== generation;

/** The container shall not run as it does now. */
export const stopDue = (assigned: Assigned, known: Known): boolean =>
  assigned.keep === "stopped" || restartDue(assigned, known);
