import { IndexBy } from "./index-by.ts";
import type { Workload } from "./workload.ts";

/** All workloads, found by what events name. */
export class Workloads {
  readonly #all = new Map<string, Workload>();
  readonly #byEntrypoint = new IndexBy<string>();
  readonly #byNode = new IndexBy<string>();
  readonly #abandoned = new Set<string>();
  #healthy = 0;

  /** How many of them serve. */
  get healthy(): number {
    return this.#healthy;
  }

  get(id: string): Workload | undefined {
    return this.#all.get(id);
  }

  /** Adds a workload or replaces the one with its id. */
  put(workload: Workload): void {
    const before = this.#all.get(workload.id);
    if (before) this.remove(before);
    this.#all.set(workload.id, workload);
    if (workload.healthy) this.#healthy++;
    this.#byEntrypoint.add(workload.entrypoint, workload.id);
    this.#byNode.add(workload.node, workload.id);
    if (workload.abandoned) this.#abandoned.add(workload.id);
  }

  remove(workload: Workload): void {
    if (this.#all.delete(workload.id) && workload.healthy) this.#healthy--;
    this.#byEntrypoint.delete(workload.entrypoint, workload.id);
    this.#byNode.delete(workload.node, workload.id);
    this.#abandoned.delete(workload.id);
  }

  ofEntrypoint(entrypoint: string): Workload[] {
    return this.#these(this.#byEntrypoint.get(entrypoint));
  }

  onNode(node: string): Workload[] {
    return this.#these(this.#byNode.get(node));
  }

  abandonedOf(deployment: string): Workload[] {
    return this.#these(this.#abandoned).filter((workload) => workload.deployment === deployment);
  }

  #these(ids: Iterable<string>): Workload[] {
    return [...ids].flatMap((id) => this.#all.get(id) ?? []);
  }
}
