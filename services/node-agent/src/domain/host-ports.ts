import type { Assigned } from "./desired.ts";
import type { Addressing } from "./endpoints.ts";
import type { Entry } from "./entry.ts";
import type { WorkloadFact } from "./known.ts";
import type { Action } from "./reconcile.ts";

/** Ports of the machine that the agent gives to containers. */
export type PortRange = {
  first: number;
  last: number;
  /** How long a port that served a container is given to no other one, once that is removed. */
  quarantineMs: number;
};

/** A port for each that was asked for, or why there are not enough. */
export type HostPortAnswer = { ok: true; ports: readonly number[] } | { ok: false; error: string };

/**
 * Which ports of the machine belong to which workload. Those of a removed container are given to nobody for a while, so
 * that who still has its address reaches nobody else. Rebuilt from the node's own facts.
 */
export class HostPorts {
  readonly #range: PortRange;
  readonly #owners = new Map<number, string>();
  readonly #owned = new Map<string, Set<number>>();
  /** Monotonic, since when nobody has them. */
  readonly #freedAtMs = new Map<number, number>();
  #next: number;

  constructor(range: PortRange) {
    this.#range = range;
    this.#next = range.first;
  }

  /** A fact, as it is made or read again: where a workload is reached, or that its container is gone. */
  learn(fact: WorkloadFact, atMs: number): void {
    if (fact.type === "ContainerStarted") {
      for (const { hostPort } of fact.endpoints)
        if (this.#own(hostPort, fact.workload)) this.#passOn(hostPort);
    } else if (fact.type === "ContainerRemoved") this.free(fact.workload, atMs);
  }

  /** A container that is there has them, whatever was reported. */
  seen({ workload, containers }: Pick<Entry, "workload" | "containers">): void {
    for (const { bound = [] } of containers) for (const { hostPort } of bound) this.#own(hostPort, workload);
  }

  /** A port for each that the workload publishes: those that it has, then the next ones in turn. */
  give({ workload, template, resources }: Assigned, nowMs: number): HostPortAnswer {
    const many = template.entrypoint.publish.length;
    const fixed = (resources.ports ?? []).map(({ hostPort }) => hostPort);
    const has = [...(this.#owned.get(workload) ?? [])].filter((port) => !fixed.includes(port));
    const ports = has.toSorted((a, b) => a - b).slice(0, many);
    const { first, last } = this.#range;
    for (let tried = 0; ports.length < many && tried <= last - first; tried++) {
      const port = this.#next;
      this.#passOn(port);
      if (!ports.includes(port) && !fixed.includes(port) && this.#isFree(port, nowMs)) ports.push(port);
    }
    if (ports.length < many) return { ok: false, error: this.#lack(many) };
    for (const port of ports) this.#own(port, workload);
    return { ok: true, ports };
  }

  #passOn(port: number): void {
    const { first, last } = this.#range;
    this.#next = port === last ? first : port + 1;
  }

  #own(port: number, workload: string): boolean {
    const { first, last } = this.#range;
    if (port < first || port > last) return false;
    const before = this.#owners.get(port);
    if (before !== undefined) this.#owned.get(before)?.delete(port);
    this.#owners.set(port, workload);
    const owned = this.#owned.get(workload) ?? new Set();
    this.#owned.set(workload, owned.add(port));
    this.#freedAtMs.delete(port);
    return true;
  }

  /** The workload needs its ports no more, or cannot have them: for a while they are given to nobody. */
  free(workload: string, atMs: number): void {
    for (const port of this.#owned.get(workload) ?? []) {
      this.#owners.delete(port);
      this.#freedAtMs.set(port, atMs);
    }
    this.#owned.delete(workload);
  }

  #isFree(port: number, nowMs: number): boolean {
    if (this.#owners.has(port)) return false;
    const freedAtMs = this.#freedAtMs.get(port);
    return freedAtMs === undefined || nowMs - freedAtMs >= this.#range.quarantineMs;
  }

  #lack(many: number): string {
    const { first, last, quarantineMs } = this.#range;
    return `${many} free of the ports ${first} to ${last} wanted: ${this.#owners.size} are in use, others rest for ${quarantineMs / 1_000} s after a removed container or are taken on the machine; give the node's agent a larger range with ERU_AGENT_PORTS`;
  }
}

/** Where containers are reached by their own addresses, or the engine chooses, there are none. */
export const hostPortsFor = ({ advertise, ports }: Addressing): HostPorts | undefined =>
  advertise === "node" && ports ? new HostPorts(ports) : undefined;

/** The last container that was taken away because something else had its ports, and how many were in a row. */
export type Discarded = { containerId: string; tries: number };

/** What the engine says when something else listens on a port of the machine. */
export const isPortConflict = (error: string): boolean =>
  /port is already allocated|address already in use/i.test(error);

/**
 * A new container was taken away because its ports were taken: another one is made with others. `fails` when that was so
 * too often in a row.
 */
export function discard(entry: Entry, action: Action, error: string, fails: (fault: string) => void): void {
  if (action.do !== "start") return;
  const { containerId } = action;
  entry.containers = entry.containers.filter(({ id }) => id !== containerId);
  const tries = (entry.discarded?.tries ?? 0) + 1;
  entry.discarded = { containerId, tries: tries % portTriesMax };
  if (tries === portTriesMax)
    fails(
      `${error}; others on the machine have ${tries} ports in a row: see what listens there, or give the node's agent another range with ERU_AGENT_PORTS`,
    );
}

/** So many times in a row other ports are tried in place of those that something else has. */
const portTriesMax = 16;
