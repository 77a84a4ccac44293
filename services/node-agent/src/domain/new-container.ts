import type { OwnContainer } from "./container.ts";
import { type ContainerSpec, containerSpec } from "./container-spec.ts";
import type { Assigned } from "./desired.ts";
import type { Addressing } from "./endpoints.ts";
import type { View } from "./reconcile.ts";
import { networkFor } from "./take-over.ts";

/** What the engine is asked to make, or why that cannot be and whether it may be later. */
type Wanted = { ok: true; spec: ContainerSpec } | { ok: false; error: string; hope: "retry" | "for good" };

/** A new container for an order, with what it takes over and the ports of the machine it gets. */
export function newContainer(
  assigned: Assigned,
  { addressing, shared, hostPorts }: View,
  predecessor: OwnContainer | undefined,
  nowMs: number,
): Wanted {
  const network = networkFor(assigned, predecessor);
  const chosen = !network && isMapped(assigned, addressing) ? hostPorts?.give(assigned, nowMs) : undefined;
  if (chosen && !chosen.ok) return { ...chosen, hope: "retry" };
  const around = { sharedCores: shared.cores, network, hostPorts: chosen?.ports };
  const answer = containerSpec(assigned, addressing, around);
  return answer.ok ? answer : { ...answer, hope: "for good" };
}

/** Whether a container has ports that the agent chose for it and that nobody knows of yet: it can choose others. */
export const isUnheardOf = (assigned: Assigned, kept: OwnContainer, addressing: Addressing): boolean =>
  kept.startedAtMs === undefined && !assigned.takesOver?.network && isMapped(assigned, addressing);

/** Whether the containers of the order are reached by ports of the machine that the agent chooses. */
const isMapped = ({ template: { entrypoint } }: Assigned, { advertise, ports }: Addressing): boolean =>
  ports !== undefined &&
  advertise === "node" &&
  entrypoint.network === "bridge" &&
  entrypoint.publish.length > 0;
