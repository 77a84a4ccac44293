import { type AssignmentEvent, commandFault, type FactEvent } from "@eru/events";
import { act } from "../src/act.ts";
import { Agent } from "../src/domain/agent.ts";
import type { Addressing } from "../src/domain/endpoints.ts";
import type { ProbeResult } from "../src/domain/health.ts";
import type { Probe } from "../src/domain/probing.ts";
import type { Work } from "../src/domain/work.ts";
import { testCause } from "./orders.ts";
import { SimEngine, type SimEngineOptions } from "./sim-engine.ts";

const stepsMax = 10_000;

/** An agent over a simulated engine with a clock that stands still until it is moved: what the loop does, step by step. */
export class Drive {
  readonly engine: SimEngine;
  /** Every fact with the time it was made: the node's history. */
  readonly history: { fact: FactEvent; atMs: number }[] = [];
  readonly orders: AssignmentEvent[] = [];
  /** What people should hear of. */
  readonly words: string[] = [];
  readonly #addressing: Addressing;
  nowMs = 1_000_000;
  agent: Agent;
  work: Work = { actions: [], probes: [], facts: [], words: [], wakeAtMs: undefined };
  /** How workloads answer probes. */
  probe: (probe: Probe) => ProbeResult = () => ({ ok: true });

  constructor({ addressing, ...options }: Partial<SimEngineOptions> & { addressing?: Addressing } = {}) {
    this.engine = new SimEngine({ node: "n1", now: () => this.nowMs, images: ["hello:1"], ...options });
    this.#addressing = addressing ?? { advertise: "container", address: "127.0.0.1" };
    this.agent = new Agent({ node: "n1", addressing: this.#addressing });
  }

  /** All facts, without the tedious parts. */
  facts(): string[] {
    return this.history.map(({ fact }) => summary(fact));
  }

  /** Records an order in the node's history; the agent hears of it unless it is deaf. */
  order(event: AssignmentEvent): this {
    this.orders.push(event);
    this.agent.ordered(event, testCause);
    return this;
  }

  /** The agent dies and another comes up that knows the two histories; the last `lost` facts never reached the log. */
  async restartAgent(lost = 0): Promise<void> {
    this.replaceAgent(lost);
    await this.begin();
  }

  /** The same, before it first asks the engine. */
  replaceAgent(lost = 0): void {
    this.history.splice(this.history.length - Math.min(lost, this.history.length));
    this.agent = new Agent({ node: "n1", addressing: this.#addressing });
    // A fact is written after the start that it tells of, though here within the same millisecond.
    for (const { fact, atMs } of this.history) this.agent.recall(fact, { atMs, startedAtMs: atMs + 0.999 });
    for (const event of this.orders) this.agent.ordered(event, testCause);
  }

  /** Caught up with the orders, connected to the engine. */
  async begin(): Promise<this> {
    this.agent.caughtUp();
    const { network } = this.#addressing;
    if (network !== undefined) this.agent.network(await this.engine.network(network));
    await this.look();
    return this;
  }

  /** A full look at the engine. */
  async look(): Promise<void> {
    const look = this.agent.beginLook();
    this.agent.listed(look, await this.engine.list());
  }

  /** Everything that needs no time to pass. */
  async settle(): Promise<this> {
    for (let step = 0; step < stepsMax; step++) {
      const work = this.agent.next(this.nowMs);
      this.words.push(...work.words);
      for (const { fact } of work.facts) this.history.push({ fact, atMs: this.nowMs });
      if (work.actions.length + work.probes.length === 0) {
        this.work = work;
        return this;
      }
      for (const probe of work.probes) this.agent.probed(probe, this.probe(probe), this.nowMs);
      for (const action of work.actions)
        this.agent.finished(action, await act(this.engine, action), this.nowMs);
    }
    throw new Error("the agent does not come to rest");
  }

  /** Lets time pass, with everything that falls due meanwhile. */
  async pass(ms: number): Promise<this> {
    const untilMs = this.nowMs + ms;
    for (let step = 0; step < stepsMax; step++) {
      await this.settle();
      const { wakeAtMs } = this.work;
      if (wakeAtMs === undefined || wakeAtMs > untilMs) {
        this.nowMs = untilMs;
        return await this.settle();
      }
      this.nowMs = wakeAtMs;
    }
    throw new Error("the agent wakes without end");
  }

  /** Something happened at the engine: the agent is told and does what follows at once. */
  async hint(workload: string): Promise<this> {
    const all = this.engine.containers().filter((one) => one.labels["eru.workload"] === workload);
    for (const { id } of all) this.agent.hint(workload, id);
    if (all.length === 0) this.agent.hint(workload, "gone");
    return await this.settle();
  }
}

/** A fact in one line: what tests compare. */
export function summary(fact: FactEvent): string {
  const { type } = fact;
  switch (type) {
    case "NodeObserved":
    case "EngineUnreachable":
    case "EngineBack":
      return type;
    case "ContainerCreated":
      return `g${fact.generation} created`;
    case "ContainerStarted":
      return `g${fact.generation} started #${fact.attempt}`;
    case "ContainerHealthy":
      return `g${fact.generation} healthy #${fact.attempt}`;
    case "ContainerUnhealthy":
      return `g${fact.generation} unhealthy #${fact.attempt}: ${fact.reason}`;
    case "HookEnded":
      return `g${fact.generation} ${fact.hook} #${fact.attempt} ${commandFault(fact.ran) ?? "ok"}`;
    case "ContainerExited":
      return `g${fact.generation} exited #${fact.attempt} ${fact.exitCode}${retry(fact.retryInMs)}${folded(fact.folded)}`;
    case "ContainerStopped":
      return `g${fact.generation} stopped #${fact.attempt} ${fact.exitCode ?? "-"}`;
    case "ContainerFailed":
      return `g${fact.generation} failed #${fact.attempt} ${fact.step}: ${fact.error}${retry(fact.retryInMs)}`;
    case "ReplacementUndone":
      return `g${fact.generation} undone: ${fact.error}`;
    case "ReallocDone":
      return `r${fact.revision} done`;
    case "ReallocFailed":
      return `r${fact.revision} failed: ${fact.error}`;
    case "ContainerReleased":
      return `g${fact.generation} released${fact.containerId === undefined ? ", nothing there" : ""}`;
    case "ContainerAdopted":
      return `g${fact.generation} adopted${fact.running ? "" : ", not running"}`;
    case "AdoptionFailed":
      return `g${fact.generation} not adopted: ${fact.error}`;
    case "ContainerRemoved":
      return `g${fact.generation} removed ${fact.exitCode ?? "-"}${fact.ordered ? "" : " by hand"}`;
  }
}

const folded = (starts: number | undefined): string => (starts === undefined ? "" : ` (+${starts})`);
const retry = (ms: number | undefined): string => (ms === undefined ? ", for good" : `, again in ${ms}`);
