import type { ElbEvent, EruEvent } from "@eru/events";
import { subjects } from "@eru/events";
import type { Chance } from "./chance.ts";
import { Cursor, type SimLog } from "./sim-log.ts";
import { routedApp } from "./wishes.ts";

const beatEveryMs = 1_000;

export type ElbDeps = { log: SimLog; chance: Chance; beat: (elb: string, appliedSeq: number) => void };

/**
 * A load balancer reduced to what the scheduler sees of one: it sends requests to healthy workloads as it knows them,
 * lets go of what shall go, and reports an endpoint drained when its last request is done.
 */
export class SimElb {
  readonly name: string;
  readonly #deps: ElbDeps;
  #cursor = new Cursor();
  #on = false;
  #beatAtMs = 0;
  /** Workloads that it may send requests to. */
  readonly endpoints = new Set<string>();
  readonly #going = new Set<string>();
  readonly #draining = new Map<string, { dueMs: number; cause: string }>();
  /** The generation of the newest order: what is said of an older container says nothing. */
  readonly #generations = new Map<string, number>();
  /** Since when it has been up. */
  upSinceMs = 0;

  constructor(name: string, deps: ElbDeps) {
    this.name = name;
    this.#deps = deps;
  }

  get on(): boolean {
    return this.#on;
  }

  start(): void {
    this.#on = true;
    this.upSinceMs = this.#deps.log.nowMs;
    this.#cursor = new Cursor();
    this.#beatAtMs = 0;
  }

  stop(): void {
    this.#on = false;
    this.endpoints.clear();
    this.#going.clear();
    this.#draining.clear();
    this.#generations.clear();
  }

  async step(rough: boolean): Promise<void> {
    const { log, chance, beat } = this.#deps;
    if (!this.#on) return;
    const before = this.endpoints.size;
    let changed = this.#cursor.at === 0;
    const some = rough && chance.may(0.5) ? { upTo: chance.between(0, 9), again: 0 } : undefined;
    for (const { events } of this.#cursor.take(log, some))
      for (const { event, id } of events) changed = this.#learn(event, id) || changed;
    if (changed || before !== this.endpoints.size)
      await this.#say({
        type: "RouteTableApplied",
        elb: this.name,
        bootId: "b",
        appliedSeq: this.#cursor.at,
        changedPools: 1,
        changedHosts: 0,
      });
    for (const [workload, { dueMs, cause }] of this.#draining)
      if (dueMs <= log.nowMs) {
        this.#draining.delete(workload);
        await this.#say({ type: "EndpointDrained", elb: this.name, workload, inFlight: 0 }, cause);
      }
    if (log.nowMs >= this.#beatAtMs) {
      this.#beatAtMs = log.nowMs + beatEveryMs;
      beat(this.name, this.#cursor.at);
    }
  }

  /** True when the table changes. */
  #learn(event: EruEvent, id: string): boolean {
    const { log, chance } = this.#deps;
    switch (event.type) {
      case "ContainerHealthy":
        if (!event.workload.startsWith(`${routedApp}-`) || this.#going.has(event.workload)) return false;
        if (event.generation < (this.#generations.get(event.workload) ?? 0)) return false;
        this.endpoints.add(event.workload);
        return true;
      case "ContainerUnhealthy":
      case "ContainerExited":
      case "ContainerFailed":
      case "ContainerStopped":
      case "ContainerRemoved":
        return this.endpoints.delete(event.workload);
      case "WorkloadAssigned":
        this.#draining.delete(event.workload);
        this.#generations.set(event.workload, event.generation);
        return this.endpoints.delete(event.workload);
      case "ChangeDecided":
        if (!event.drain) return false;
        this.endpoints.delete(event.workload);
        this.#draining.set(event.workload, { dueMs: log.nowMs + chance.between(0, 7_000), cause: id });
        return true;
      case "RemovalDecided":
        this.#going.add(event.workload);
        this.endpoints.delete(event.workload);
        // Requests in flight may take longer than the drain may.
        if (event.drain)
          this.#draining.set(event.workload, { dueMs: log.nowMs + chance.between(0, 7_000), cause: id });
        return true;
      case "StopDecided":
        this.#draining.delete(event.workload);
        return false;
      case "EndpointDrained":
        if (event.elb === this.name) this.#draining.delete(event.workload);
        return false;
      default:
        return false;
    }
  }

  async #say(event: ElbEvent, causationId?: string): Promise<void> {
    const id = this.#deps.log.nextId();
    const cause = { correlationId: id, causationId: causationId ?? id };
    await this.#deps.log.append(subjects.elb(this.name), `elb:${this.name}`, [{ event, cause }]);
  }
}
