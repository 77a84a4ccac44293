import type { OwnContainer } from "./container.ts";
import { type ContainerSpec, containerSpec } from "./container-spec.ts";
import type { Assigned } from "./desired.ts";
import type { Reach } from "./reach.ts";
import type { View } from "./reconcile.ts";
import { networkFor } from "./take-over.ts";

/** What the engine is asked to make, or why that cannot be and whether it may be later. */
type Wanted = { ok: true; spec: ContainerSpec } | { ok: false; error: string; hope: "retry" | "for good" };

/** A new container for an order, with what it takes over, and the ports or the address it gets. */
export function newContainer(
  assigned: Assigned,
  { addressing, shared, reach }: View,
  predecessor: OwnContainer | undefined,
  nowMs: number,
): Wanted {
  const network = networkFor(assigned, predecessor);
  const chosen = network ? ({ ok: true } as const) : reach.give(assigned, nowMs);
  if (!chosen.ok) return { ...chosen, hope: "retry" };
  const { ok: _, ...where } = chosen;
  const answer = containerSpec(assigned, addressing, { sharedCores: shared.cores, network, ...where });
  return answer.ok ? answer : { ...answer, hope: "for good" };
}

/** Whether a container has ports or an address that the agent chose and that nobody knows of yet: it can choose others. */
export const isUnheardOf = (assigned: Assigned, kept: OwnContainer, reach: Reach): boolean =>
  kept.startedAtMs === undefined && !assigned.takesOver?.network && reach.chooses(assigned);
