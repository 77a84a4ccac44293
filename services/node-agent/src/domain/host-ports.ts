import type { Assigned } from "./desired.ts";
import type { Entry } from "./entry.ts";
import type { WorkloadFact } from "./known.ts";
import { Resting, type RestingRange } from "./resting.ts";

/** Ports of the machine that the agent gives to containers. */
export type PortRange = RestingRange;

/** A port for each that was asked for, or why there are not enough. */
export type HostPortAnswer = { ok: true; ports: readonly number[] } | { ok: false; error: string };

/**
 * Which ports of the machine belong to which workload. Those of a removed container are given to nobody for a while, so
 * that who still has its address reaches nobody else. Rebuilt from the node's own facts.
 */
export class HostPorts {
  readonly #range: PortRange;
  readonly #ports: Resting;

  constructor(range: PortRange) {
    this.#range = range;
    this.#ports = new Resting(range);
  }

  /** A fact, as it is made or read again: where a workload is reached, or that its container is gone. */
  learn(fact: WorkloadFact, atMs: number): void {
    if (fact.type === "ContainerStarted")
      for (const { hostPort } of fact.endpoints) this.#ports.own(hostPort, fact.workload, true);
    else if (fact.type === "ContainerRemoved") this.free(fact.workload, atMs);
  }

  /** A container that is there has them, whatever was reported. */
  seen({ workload, containers }: Pick<Entry, "workload" | "containers">): void {
    for (const { bound = [] } of containers)
      for (const { hostPort } of bound) this.#ports.own(hostPort, workload);
  }

  /** A port for each that the workload publishes: those that it has, then the next ones in turn. */
  give({ workload, template, resources }: Assigned, nowMs: number): HostPortAnswer {
    const many = template.entrypoint.publish.length;
    const fixed = (resources.ports ?? []).map(({ hostPort }) => hostPort);
    const ports = this.#ports.of(workload).filter((port) => !fixed.includes(port));
    ports.splice(many);
    while (ports.length < many) {
      const port = this.#ports.next(nowMs, (one) => !ports.includes(one) && !fixed.includes(one));
      if (port === undefined) return { ok: false, error: this.#lack(many, nowMs) };
      ports.push(port);
    }
    for (const port of ports) this.#ports.own(port, workload);
    return { ok: true, ports };
  }

  /** The workload needs its ports no more, or cannot have them: for a while they are given to nobody. */
  free(workload: string, atMs: number): void {
    this.#ports.free(workload, atMs);
  }

  /** How many are in use, and how many rest now. */
  counts(nowMs: number): { inUse: number; resting: number } {
    return this.#ports.counts(nowMs);
  }

  #lack(many: number, nowMs: number): string {
    const { first, last, quarantineMs } = this.#range;
    return `${many} free of the ports ${first} to ${last} wanted: ${this.counts(nowMs).inUse} are in use, others rest for ${quarantineMs / 1_000} s after a removed container or are taken on the machine; give the node's agent a larger range with ERU_AGENT_PORTS`;
  }
}
