import type { ElbEvent, EruEvent } from "@eru/events";
import { subjects } from "@eru/events";
import type { Chance } from "./chance.ts";
import { Cursor, type SimLog } from "./sim-log.ts";
import { routedApp } from "./wishes.ts";

const beatEveryMs = 1_000;

/** Requests on their way to a workload through a load balancer. */
type InFlight = (elb: string, workload: string) => number;

export type ElbDeps = {
  log: SimLog;
  chance: Chance;
  beat: (elb: string, appliedSeq: number) => void;
  /** Absent: chance says when the last request is done. */
  inFlight?: InFlight;
};

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
  /** Workloads that the edge may send requests to: the table that it has. */
  endpoints: ReadonlySet<string> = new Set();
  /** The same as the log says it: the edge gets it when all of the log is read. */
  readonly #wanted = new Set<string>();
  #rebuilding = true;
  #appliedSeq = 0;
  readonly #going = new Set<string>();
  readonly #draining = new Map<string, { dueMs: number; deadlineMs: number; cause: string }>();
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

  /** The edge has all that the log says. */
  get synced(): boolean {
    return !this.#rebuilding;
  }

  start(): void {
    this.#on = true;
    this.upSinceMs = this.#deps.log.nowMs;
    this.crashSync();
  }

  /** The edge and what keeps it end. */
  stop(): void {
    this.#on = false;
    this.endpoints = new Set();
    this.crashSync();
  }

  /** Only what keeps the edge's table is killed: the edge goes on with what it has. */
  crashSync(): void {
    this.#cursor = new Cursor();
    this.#beatAtMs = 0;
    this.#rebuilding = true;
    this.#wanted.clear();
    this.#going.clear();
    this.#draining.clear();
    this.#generations.clear();
  }

  async step(rough: boolean): Promise<void> {
    const { log, chance, beat } = this.#deps;
    if (!this.#on) return;
    let changed = this.#rebuilding;
    const some = rough && chance.may(0.5) ? { upTo: chance.between(0, 9), again: 0 } : undefined;
    for (const { events } of this.#cursor.take(log, some))
      for (const { event, id } of events) changed = this.#learn(event, id) || changed;
    if (this.#rebuilding && this.#cursor.at < log.head) return;
    this.#rebuilding = false;
    this.#appliedSeq = this.#cursor.at;
    if (changed) this.endpoints = new Set(this.#wanted);
    if (changed)
      await this.#say({
        type: "RouteTableApplied",
        elb: this.name,
        bootId: "b",
        appliedSeq: this.#appliedSeq,
        changedPools: 1,
        changedHosts: 0,
      });
    for (const [workload, { dueMs, deadlineMs, cause }] of this.#draining) {
      const inFlight = this.#deps.inFlight?.(this.name, workload) ?? 0;
      if (dueMs > log.nowMs || (inFlight > 0 && deadlineMs > log.nowMs)) continue;
      this.#draining.delete(workload);
      await this.#say({ type: "EndpointDrained", elb: this.name, workload, inFlight }, cause);
    }
    if (log.nowMs >= this.#beatAtMs) {
      this.#beatAtMs = log.nowMs + beatEveryMs;
      beat(this.name, this.#appliedSeq);
    }
  }

  /** True when the table changes. */
  #learn(event: EruEvent, id: string): boolean {
    switch (event.type) {
      case "ContainerHealthy":
        if (!event.workload.startsWith(`${routedApp}-`) || this.#going.has(event.workload)) return false;
        if (event.generation < (this.#generations.get(event.workload) ?? 0)) return false;
        this.#wanted.add(event.workload);
        return true;
      case "ContainerUnhealthy":
      case "ContainerExited":
      case "ContainerFailed":
      case "ContainerStopped":
      case "ContainerRemoved":
        return this.#wanted.delete(event.workload);
      case "WorkloadAssigned":
        this.#draining.delete(event.workload);
        if (event.keep === "adopted") this.#going.delete(event.workload);
        this.#generations.set(event.workload, event.generation);
        return this.#wanted.delete(event.workload);
      case "ChangeDecided":
        if (!event.drain) return false;
        this.#wanted.delete(event.workload);
        this.#drain(event, id);
        return true;
      case "RemovalDecided":
      case "DissociationDecided":
        this.#going.add(event.workload);
        this.#wanted.delete(event.workload);
        if (event.drain) this.#drain(event, id);
        return true;
      case "StopDecided":
      case "ReleaseOrdered":
        this.#draining.delete(event.workload);
        return false;
      case "EndpointDrained":
        if (event.elb === this.name) this.#draining.delete(event.workload);
        return false;
      default:
        return false;
    }
  }

  /** Requests in flight may take longer than the drain may. */
  #drain({ workload, drainDeadlineMs }: { workload: string; drainDeadlineMs: number }, cause: string): void {
    const { log, chance, inFlight } = this.#deps;
    const dueMs = inFlight ? log.nowMs : log.nowMs + chance.between(0, 7_000);
    this.#draining.set(workload, { dueMs, deadlineMs: log.nowMs + drainDeadlineMs, cause });
  }

  async #say(event: ElbEvent, causationId?: string): Promise<void> {
    const id = this.#deps.log.nextId();
    const cause = { correlationId: id, causationId: causationId ?? id };
    await this.#deps.log.append(subjects.elb(this.name), `elb:${this.name}`, [{ event, cause }]);
  }
}
