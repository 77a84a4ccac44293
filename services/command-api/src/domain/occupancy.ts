import type { AssignmentEvent, FactEvent } from "@eru/events";

type Held = { generation: number; stopping: boolean };

/**
 * Which workloads a node still holds: assigned, and not yet gone by the agent's own word. A lost node keeps its own,
 * because nobody can say that they ended.
 */
export class Occupancy {
  readonly #nodes = new Map<string, Map<string, Held>>();

  /** Takes in what the scheduler ordered or an agent saw. */
  apply(event: AssignmentEvent | FactEvent): void {
    if (event.type === "WorkloadAssigned") this.#hold(event, false);
    else if (event.type === "WorkloadStopAssigned") this.#hold(event, true);
    else if (event.type === "ContainerRemoved") this.#release(event);
    // What is left there is none of ours.
    else if (event.type === "ContainerReleased") this.#release({ ...event, ordered: true });
  }

  /** The workloads on a node, in no particular order. */
  on(node: string): readonly string[] {
    return [...(this.#nodes.get(node)?.keys() ?? [])];
  }

  #hold(
    { node, workload, generation }: { node: string; workload: string; generation: number },
    stopping: boolean,
  ): void {
    const held = this.#nodes.get(node) ?? new Map<string, Held>();
    const known = held.get(workload);
    // A stop for what is not there has nothing to hold.
    if (stopping && !known) return;
    if (known && known.generation > generation) return;
    this.#nodes.set(node, held.set(workload, { generation, stopping }));
  }

  #release(event: { node: string; workload: string; generation: number; ordered: boolean }): void {
    const held = this.#nodes.get(event.node);
    const known = held?.get(event.workload);
    if (!held || !known || event.generation < known.generation) return;
    // What disappeared without an order is put back by the agent: it is still meant to be there.
    if (!event.ordered && !known.stopping) return;
    held.delete(event.workload);
    if (held.size === 0) this.#nodes.delete(event.node);
  }
}
