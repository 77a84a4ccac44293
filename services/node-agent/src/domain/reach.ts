import { Addresses, type EngineNetwork } from "./addresses.ts";
import type { Assigned } from "./desired.ts";
import type { Addressing } from "./endpoints.ts";
import type { Entry } from "./entry.ts";
import { HostPorts } from "./host-ports.ts";
import type { WorkloadFact } from "./known.ts";

/** Where a new container is reached, as far as the agent chooses that; or why it cannot be. */
export type Chosen =
  | { ok: true; hostPorts?: readonly number[]; address?: string }
  | { ok: false; error: string };

const restless =
  "Docker gives addresses of its own bridge to the next container at once: they do not rest there; name another network in ERU_AGENT_NETWORK";

/** What the node has of one kind, in numbers. */
type Counts = { inUse: number; resting: number };

/**
 * Where the node's workloads are reached, as far as the agent chooses that: ports of the machine or addresses of the
 * containers' network. Neither serves another workload soon after it served one.
 */
export class Reach {
  readonly #ports: HostPorts | undefined;
  readonly #addresses: Addresses | undefined;
  readonly #words = new Set<string>();

  constructor({ advertise, ports, network, quarantineMs = 0 }: Addressing) {
    if (advertise === "node" && ports) this.#ports = new HostPorts(ports);
    if (advertise === "container" && network !== undefined) this.#addresses = new Addresses(quarantineMs);
    else if (advertise === "container" && quarantineMs > 0) this.#words.add(restless);
  }

  /** The network for containers as the engine has it, or why it has none. */
  network(found: EngineNetwork | { error: string }): void {
    this.#addresses?.network(found);
  }

  /** A fact, as it is made or read again. */
  learn(fact: WorkloadFact, atMs: number): void {
    this.#ports?.learn(fact, atMs);
    this.#addresses?.learn(fact, atMs);
  }

  /** Containers that are there, whatever was reported. */
  seen(entry: Pick<Entry, "workload" | "containers">): void {
    this.#ports?.seen(entry);
    this.#addresses?.seen(entry);
  }

  /** Whether the agent chooses where the containers of the order are reached. */
  chooses({ template: { entrypoint } }: Assigned): boolean {
    if (entrypoint.network !== "bridge") return false;
    return this.#addresses !== undefined || (this.#ports !== undefined && entrypoint.publish.length > 0);
  }

  /** For a new container of the order; nothing where the engine chooses. */
  give(assigned: Assigned, nowMs: number): Chosen {
    if (!this.chooses(assigned)) return { ok: true };
    const ports = this.#ports?.give(assigned, nowMs);
    if (ports) return ports.ok ? { ok: true, hostPorts: ports.ports } : ports;
    const given = this.#addresses?.give(assigned.workload, nowMs) ?? { ok: true };
    if (!given.ok) return given;
    if (given.word !== undefined) this.#words.add(given.word);
    return { ok: true, ...(given.address !== undefined && { address: given.address }) };
  }

  /** The workload needs them no more, or cannot have them. */
  free(workload: string, atMs: number): void {
    this.#ports?.free(workload, atMs);
    this.#addresses?.free(workload, atMs);
  }

  /** What people should hear of, once. */
  words(): string[] {
    const words = [...this.#words];
    this.#words.clear();
    return words;
  }

  /** Ports and addresses in use and at rest; what the engine chooses is not counted. */
  counts(nowMs: number): { ports?: Counts; addresses?: Counts } {
    return {
      ...(this.#ports && { ports: this.#ports.counts(nowMs) }),
      ...(this.#addresses && { addresses: this.#addresses.counts(nowMs) }),
    };
  }
}
