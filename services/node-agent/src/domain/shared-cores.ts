import type { AssignmentEvent, NodeResources } from "@eru/events";
import type { Order } from "./desired.ts";

type Shared = Extract<AssignmentEvent, { type: "SharedCoresAssigned" }>;

/** Which cores the workloads that are not bound may use: the newest order, over what the machine has. */
export class SharedCores {
  #generation = 0;
  #cores: readonly string[] = [];
  #machine: readonly string[] = [];
  #mems = "";

  /** Orders may come late, twice and out of order: the newest generation wins. */
  order({ generation, cores }: Shared): void {
    if (generation <= this.#generation) return;
    this.#generation = generation;
    this.#cores = cores;
  }

  /** The machine as the agent sees it. */
  machine({ cores = {}, numa = [] }: NodeResources): void {
    this.#machine = Object.keys(cores);
    this.#mems = numa.length > 1 ? inOrder(numa.map(({ id }) => id)) : "";
  }

  /** The memory of every NUMA node, as the engine takes it; nothing where there is no choice. */
  get mems(): string {
    return this.#mems;
  }

  /** None: every core. */
  get cores(): readonly string[] {
    return this.#cores;
  }

  /**
   * The cores that a running container shall have and has not, as the engine takes them; undefined when it has them. Every
   * core is said by its name: an engine that is told nothing changes nothing.
   */
  missing(order: Order | undefined, cpus: string | undefined): string | undefined {
    if (order?.kind !== "run" || order.assigned.granted?.cores || cpus === undefined) return undefined;
    const all = inOrder(this.#machine);
    const wanted = inOrder(this.#cores) || all;
    const has = cpus === "" ? all : cpus;
    return wanted === has ? undefined : wanted;
  }
}

const inOrder = (cores: readonly string[]): string =>
  cores.toSorted((a, b) => Number(a) - Number(b)).join(",");
