import type { AssignmentEvent, Cause, FactEvent, InventoryReply } from "@eru/events";
import { subjects } from "@eru/events";
import { act } from "../../services/node-agent/src/act.ts";
import { commandFault } from "../../services/node-agent/src/command.ts";
import { Agent } from "../../services/node-agent/src/domain/agent.ts";
import type { Container } from "../../services/node-agent/src/domain/container.ts";
import type { ProbeResult } from "../../services/node-agent/src/domain/health.ts";
import { inventory } from "../../services/node-agent/src/domain/inventory.ts";
import { SimEngine, type SimStep } from "../../services/node-agent/test/sim-engine.ts";
import type { Chance } from "./chance.ts";
import { answerOf, isEndless } from "./commands.ts";
import { Cursor, type Entry, type SimLog } from "./sim-log.ts";
import { behaviourOf, images, stateFile } from "./wishes.ts";

type Work = ReturnType<Agent["next"]>;
type Action = Work["actions"][number];
type Probe = Work["probes"][number];
type Report = Work["facts"][number] & { time: string };

const addressing = { advertise: "container", address: "127.0.0.1" } as const;
const lookEveryMs = 10_000;
const beatEveryMs = 1_000;
/** What every container uses of its memory, where it may. */
const usedBytes = 40 * 1024 * 1024;

export type NodeDeps = {
  log: SimLog;
  chance: Chance;
  beat: (node: string) => void;
  /** Told of every step before it is done at the engine. */
  before?: (step: SimStep, container: string) => void;
};

/** A machine: the node-agent's real brain over a simulated engine, with the wire and the power in the hands of chance. */
export class SimNode {
  readonly name: string;
  readonly engine: SimEngine;
  readonly #deps: NodeDeps;
  #agent: Agent | undefined;
  #cursor = new Cursor();
  #outbox: Report[] = [];
  #actions: { action: Action; dueMs: number }[] = [];
  #probes: { probe: Probe; dueMs: number }[] = [];
  #lookAtMs = 0;
  #beatAtMs = 0;
  /** Chances of a start to end in a crash, whatever the release. */
  flaky = 0;
  cutUntilMs = 0;
  engineDownUntilMs = 0;

  constructor(name: string, deps: NodeDeps) {
    this.name = name;
    this.#deps = deps;
    const now = () => deps.log.nowMs;
    this.engine = new SimEngine({ node: name, now, images, registry: images });
    this.engine.usedBytes = ({ bounds }) => Math.min(usedBytes, bounds?.Memory || usedBytes);
    this.engine.command = (_container, command) => answerOf(command);
    this.engine.before = async (step, name) => deps.before?.(step, name);
    this.engine.fileBytes = (path) => (path === stateFile ? 10 : undefined);
    this.engine.process = (container) =>
      behaviourOf(container).crashes || deps.chance.may(this.flaky) ? { exitCode: 1 } : undefined;
  }

  get on(): boolean {
    return this.#agent !== undefined;
  }

  /** The agent comes up and reads its two histories. */
  startAgent(): void {
    const { log } = this.#deps;
    this.#agent = new Agent({ node: this.name, addressing });
    this.#cursor = new Cursor();
    this.#lookAtMs = log.nowMs;
    for (const { events } of log.entries)
      for (const { subject, event, meta } of events)
        if (subject === subjects.fact(this.name))
          this.#agent.recall(event as FactEvent, {
            atMs: Date.parse(meta.time),
            startedAtMs: Date.parse(meta.time),
          });
  }

  /** The agent is killed: facts not sent are lost, steps at the engine are done or not. */
  async crashAgent(): Promise<void> {
    const begun = this.#actions;
    this.#agent = undefined;
    this.#outbox = [];
    this.#actions = [];
    this.#probes = [];
    for (const { action } of begun) if (this.#deps.chance.may(0.5)) await act(this.engine, action);
  }

  /** The machine loses power: every process ends. */
  async powerOff(): Promise<void> {
    await this.crashAgent();
    this.engine.restart();
  }

  /** What the agent answers when it is asked what its engine has. */
  async inventory(): Promise<InventoryReply> {
    if (!this.#agent) return { error: "the agent is down" };
    const found = inventory(this.#agent.picture, await this.engine.list());
    return { node: this.name, atSeq: this.#cursor.at, ...found, others: 0 };
  }

  async step(rough: boolean): Promise<void> {
    const { log, chance } = this.#deps;
    const agent = this.#agent;
    if (!agent) return;
    const connected = log.nowMs >= this.cutUntilMs;
    this.engine.setReachable(log.nowMs >= this.engineDownUntilMs);
    if (connected) this.#hearOrders(agent, rough);
    await this.#look(agent);
    for (const { action, dueMs } of this.#actions.splice(0))
      if (dueMs > log.nowMs) this.#actions.push({ action, dueMs });
      else await this.#finish(agent, action);
    for (const { probe, dueMs } of this.#probes.splice(0))
      if (dueMs > log.nowMs) this.#probes.push({ probe, dueMs });
      else agent.probed(probe, await this.#answer(probe), log.nowMs);
    const { actions, probes, facts } = agent.next(log.nowMs);
    for (const action of actions)
      this.#actions.push({
        action,
        dueMs: log.nowMs + takesMs(action) + chance.between(0, rough ? 2_000 : 200),
      });
    for (const probe of probes)
      this.#probes.push({ probe, dueMs: log.nowMs + askingMs(probe) + chance.between(0, 300) });
    this.#outbox.push(...facts.map((fact) => ({ ...fact, time: log.time() })));
    if (connected && !(rough && chance.may(0.3))) await this.#report();
    if (connected && log.nowMs >= this.#beatAtMs && agent.engineUp()) {
      this.#beatAtMs = log.nowMs + beatEveryMs;
      if (!(rough && chance.may(0.05))) this.#deps.beat(this.name);
    }
  }

  /** A running process ends by itself. */
  kill(): void {
    const victim = this.#deps.chance.pick(this.running());
    if (!victim) return;
    this.engine.exit(victim.name, 1);
    this.#hint(victim);
  }

  /** Somebody removes a container by hand. */
  removeByHand(): void {
    const victim = this.#deps.chance.pick(this.engine.containers());
    if (!victim) return;
    this.engine.removeByHand(victim.name);
    this.#hint(victim);
  }

  running(): readonly Container[] {
    return this.engine.containers().filter(({ state }) => state === "running");
  }

  /** Nothing is being done or waits to be reported. */
  get quiet(): boolean {
    return this.#actions.length + this.#outbox.length === 0;
  }

  /** The engine tells of most that happens; the rest the next look finds. */
  #hint({ id, labels }: Container): void {
    const workload = labels["eru.workload"];
    if (workload && this.#deps.chance.may(0.8)) this.#agent?.hint(workload, id);
  }

  #hearOrders(agent: Agent, rough: boolean): void {
    const { log, chance } = this.#deps;
    const some =
      rough && chance.may(0.4) ? { upTo: chance.between(0, 12), again: chance.between(0, 30) } : undefined;
    for (const { events } of this.#cursor.take(log, some)) this.#order(agent, events);
    if (this.#cursor.at === log.head) agent.caughtUp();
  }

  #order(agent: Agent, events: Entry["events"]): void {
    for (const { subject, event, id, cause } of events)
      if (subject === subjects.assignment(this.name))
        agent.ordered(event as AssignmentEvent, { correlationId: cause.correlationId, causationId: id });
  }

  async #look(agent: Agent): Promise<void> {
    const { log } = this.#deps;
    if (log.nowMs < this.engineDownUntilMs) {
      agent.engineLost("no answer");
      this.#lookAtMs = this.engineDownUntilMs;
    }
    if (log.nowMs < this.#lookAtMs) return;
    this.#lookAtMs = log.nowMs + lookEveryMs;
    const look = agent.beginLook();
    agent.listed(look, await this.engine.list());
    const cores = { "0": 100, "1": 100, "2": 100, "3": 100 };
    agent.machine({ resources: { cpu: 4, memoryMib: 4_000, cores }, engine: "sim", agentVersion: "0" });
  }

  async #finish(agent: Agent, action: Action): Promise<void> {
    const outcome = await act(this.engine, action);
    agent.finished(action, outcome, this.#deps.log.nowMs);
    if (outcome.is === "unknown") {
      agent.engineLost("no answer");
      this.#lookAtMs = this.#deps.log.nowMs + 500;
    }
  }

  async #answer({ workload, containerId, check }: Probe): Promise<ProbeResult> {
    const container = this.running().find(({ labels }) => labels["eru.workload"] === workload);
    const { command, timeoutMs } = check;
    if (!container || behaviourOf(container).sick) return { ok: false, reason: "GET / answered 500" };
    if (!command || !this.engine.reachable) return { ok: true };
    const fault = await commandFault(this.engine, containerId, command, timeoutMs);
    return fault === undefined ? { ok: true } : { ok: false, reason: fault };
  }

  async #report(): Promise<void> {
    const { log } = this.#deps;
    const sent = this.#outbox.splice(0);
    for (const { fact, cause, time } of sent) {
      const id = log.nextId();
      const known: Cause = cause ?? { correlationId: id, causationId: id };
      await log.append(subjects.fact(this.name), `agent:${this.name}`, [{ event: fact, cause: known }], time);
    }
  }
}

/** How long a hook takes: commands that do not end by themselves take all of their time. */
const takesMs = (action: Action): number =>
  action.do === "hook" ? action.commands.filter(isEndless).length * action.timeoutMs : 0;

const askingMs = ({ check: { command, timeoutMs } }: Probe): number =>
  command && isEndless(command) ? timeoutMs : 0;
