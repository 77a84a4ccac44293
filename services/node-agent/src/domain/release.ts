import type { OwnContainer } from "./container.ts";
import type { Assigned, Order } from "./desired.ts";
import type { Known, WorkloadFact } from "./known.ts";

type About = { node: string; workload: string };

/** What there is to say about a workload that was let go of: that it was, and later that its container is gone. */
export function releaseFact(
  { node, workload }: About,
  { generation }: Order,
  { known, containers }: { known: Known | undefined; containers: readonly OwnContainer[] },
): WorkloadFact | undefined {
  const of = { node, workload, generation };
  if (!known || known.generation < generation) {
    const newest = containers.toSorted((one, other) => other.generation - one.generation)[0];
    return { type: "ContainerReleased", ...of, ...(newest && { containerId: newest.id }) };
  }
  const gone = known.containerId !== undefined && !containers.some(({ id }) => id === known.containerId);
  return gone ? { type: "ContainerRemoved", ...of, ordered: false } : undefined;
}

/** An order to take a container back that was not answered yet. */
export const adoptionDue = ({ keep, generation }: Assigned, known: Known | undefined): boolean =>
  keep === "adopted" && (known?.generation ?? 0) < generation;

/** The answer to such an order; undefined while the engine is still taking the container away. */
export function adoptionFact(
  { node, workload }: About,
  { generation }: Assigned,
  found: OwnContainer | undefined,
): WorkloadFact | undefined {
  const of = { node, workload, generation };
  if (found?.state === "removing") return undefined;
  if (found === undefined || found.state === "dead")
    return { type: "AdoptionFailed", ...of, error: "its container is gone" };
  const running = found.state === "running";
  return { type: "ContainerAdopted", ...of, containerId: found.id, running };
}
