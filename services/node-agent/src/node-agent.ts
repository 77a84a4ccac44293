import {
  AppError,
  type AssignmentEvent,
  decodeMessage,
  type FactEvent,
  liveSubjects,
  type NodeHeartbeat,
  subjects,
} from "@eru/events";
import { type Broker, LogUnavailableError, type StoredMessage } from "@eru/log";
import { type Logger, type Metrics, pause, Wake } from "@eru/service";
import { act } from "./act.ts";
import { type AgentMetrics, agentMetrics } from "./agent-metrics.ts";
import { commandFault } from "./command.ts";
import { Agent } from "./domain/agent.ts";
import type { Addressing } from "./domain/endpoints.ts";
import type { Probe } from "./domain/probing.ts";
import type { Action } from "./domain/reconcile.ts";
import type { Engine } from "./engine.ts";
import { watchEngine } from "./engine-watch.ts";
import { answerInventory } from "./inventory-answer.ts";
import { Outbox } from "./outbox.ts";
import type { probe as ask, CommandProbe } from "./probe.ts";
import { together } from "./together.ts";

const heartbeatEveryMs = 1_000;
/** Between two tries to read the own history while the log is away. */
const readRetryMs = 1_000;
/** At the end, steps at the engine may come to their end, and facts into the log. */
const actionsEndMs = 5_000;
const factsEndMs = 2_000;

/** The edge of the system: clocks and ids. */
type Edge = { monotonicMs: () => number; wallMs: () => number; newId: () => string };

/** How a workload is asked whether it is healthy. */
export type AgentProbe = typeof ask;

export type NodeAgentDeps = {
  settings: { node: string; addressing: Addressing; actionsMax: number; agentVersion: string };
  broker: Pick<Broker, "log" | "live" | "connected">;
  engine: Engine;
  probe: AgentProbe;
  edge: Edge;
  metrics: Metrics;
  log: Logger;
};

/** The agent with its effects: follows the node's orders, asks and commands the engine, reports facts and heartbeats. */
export class NodeAgent {
  readonly #deps: NodeAgentDeps;
  readonly #agent: Agent;
  readonly #measure: AgentMetrics;
  readonly #wake = new Wake();
  readonly #running = new Set<Promise<void>>();
  #outbox: Outbox | undefined;
  #orderSeq = 0;
  #fault: { error: unknown } | undefined;

  constructor(deps: NodeAgentDeps) {
    this.#deps = deps;
    this.#agent = new Agent(deps.settings);
    this.#measure = agentMetrics(deps.metrics, this.#agent, {
      factsWaiting: () => this.#outbox?.size() ?? 0,
      monotonicMs: deps.edge.monotonicMs,
    });
  }

  /** Why the node cannot do its work now; undefined when it can. */
  notReady(): string | undefined {
    return this.#deps.broker.connected() ? this.#agent.notReady() : "the log is not reachable";
  }

  /**
   * Works until the signal aborts. Containers run on.
   * @throws SecondAgentError another process reports facts as this node
   * @throws UnreadableEventError an order or a fact that this program does not know
   */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, broker, edge, log, engine } = this.#deps;
    const lastSeq = await this.#recall(signal);
    if (lastSeq === undefined) return;
    const outbox = new Outbox({
      node: settings.node,
      log: broker.log,
      lastSeq,
      newId: edge.newId,
      time: () => new Date(edge.wallMs()).toISOString(),
      logger: log,
      appended: this.#measure.appended,
    });
    this.#outbox = outbox;
    const learned = () => {
      this.#measure.looked();
      this.#wake.raise();
    };
    const inventory = {
      ...{ node: settings.node, live: broker.live, engine, agent: this.#agent },
      orderSeq: () => this.#orderSeq,
      monotonicMs: edge.monotonicMs,
    };
    const { addressing, agentVersion } = settings;
    const watch = { engine, agent: this.#agent, agentVersion, addressing, logger: log, learned };
    await together(signal, [
      () => outbox.run(),
      (ended) => this.#follow(ended),
      (ended) => watchEngine(watch, ended),
      (ended) => this.#heartbeats(ended),
      (ended) => answerInventory({ ...inventory, learned }, ended),
      (ended) => this.#work(outbox, ended),
    ]);
  }

  /** Folds what this node has reported before; the sequence of the newest report. */
  async #recall(signal: AbortSignal): Promise<number | undefined> {
    const { settings, edge } = this.#deps;
    const history = await this.#history(subjects.fact(settings.node), signal);
    for (const stored of history ?? []) {
      for (const { event, meta } of decodeMessage(stored)) {
        const writtenMs = Date.parse(meta.time);
        // A wall clock that was set back must not put an old fact into the future.
        const ageMs = Math.max(0, edge.wallMs() - writtenMs);
        // The subject holds facts alone: the decoder has checked them against its schemas.
        const fact = event as FactEvent;
        this.#agent.recall(fact, { atMs: edge.monotonicMs() - ageMs, startedAtMs: writtenMs });
      }
    }
    return history && (history.at(-1)?.seq ?? 0);
  }

  async #history(subject: string, signal: AbortSignal): Promise<readonly StoredMessage[] | undefined> {
    while (!signal.aborted) {
      try {
        return await this.#deps.broker.log.read(subject, 1);
      } catch (error) {
        if (!(error instanceof LogUnavailableError)) throw error;
        this.#deps.log.warn({ err: error }, "the own history cannot be read yet");
        await pause(readRetryMs, signal);
      }
    }
    return undefined;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { settings, broker } = this.#deps;
    const pages = broker.log.followAssignments({ node: settings.node, fromSeq: 1, signal });
    for await (const { messages, head } of pages) {
      for (const stored of messages) {
        for (const { event, id, cause } of decodeMessage(stored))
          this.#agent.ordered(event as AssignmentEvent, {
            correlationId: cause.correlationId,
            causationId: id,
          });
        this.#orderSeq = stored.seq;
      }
      if (head) this.#agent.caughtUp();
      this.#wake.raise();
    }
  }

  async #heartbeats(signal: AbortSignal): Promise<void> {
    const { settings, broker, edge } = this.#deps;
    const bootId = edge.newId();
    while (!signal.aborted) {
      const beat: NodeHeartbeat = { node: settings.node, bootId, engineReachable: this.#agent.engineUp() };
      // Not before the engine was asked once: a node that has just come up would look broken.
      if (this.#agent.engineAsked())
        broker.live.publish(liveSubjects.nodeHeartbeat(settings.node), JSON.stringify(beat));
      await pause(this.#agent.engineAsked() ? heartbeatEveryMs : heartbeatEveryMs / 10, signal);
    }
  }

  /** Carries out what the agent decides, and tells it what became of it. */
  async #work(outbox: Outbox, signal: AbortSignal): Promise<void> {
    const { edge, log } = this.#deps;
    try {
      while (!signal.aborted && !this.#fault) {
        const nowMs = edge.monotonicMs();
        const { facts, actions, probes, words, wakeAtMs } = this.#agent.next(nowMs);
        outbox.push(facts);
        for (const word of words) log.warn(word);
        for (const action of actions) this.#track(this.#act(action));
        for (const probe of probes) this.#track(this.#probe(probe));
        const limitMs = wakeAtMs === undefined ? undefined : wakeAtMs - nowMs;
        await this.#wake.next(signal, limitMs);
      }
      const late = new Promise((resolve) => setTimeout(resolve, actionsEndMs).unref());
      await Promise.race([Promise.all(this.#running), late]);
      // What they did is reported; what would follow is for the next start.
      outbox.push(this.#agent.next(edge.monotonicMs()).facts);
    } finally {
      outbox.close(factsEndMs);
    }
    if (this.#fault) throw this.#fault.error;
  }

  #track(promise: Promise<void>): void {
    const tracked = promise
      .catch((error: unknown) => {
        this.#fault ??= { error };
      })
      .finally(() => {
        this.#running.delete(tracked);
        this.#wake.raise();
      });
    this.#running.add(tracked);
  }

  async #act(action: Action): Promise<void> {
    const { engine, edge, log } = this.#deps;
    const begunMs = edge.monotonicMs();
    const outcome = await act(engine, action);
    const nowMs = edge.monotonicMs();
    this.#agent.finished(action, outcome, nowMs);
    this.#measure.acted(action.do, outcome.is, (nowMs - begunMs) / 1_000);
    const about = action.do === "pull" ? { image: action.image } : this.#about(action.workload);
    const line = { action: action.do, ...about, ms: Math.round(nowMs - begunMs) };
    if (outcome.is === "refused") log.warn({ ...line, error: outcome.error }, "the engine refused");
    else if (action.do === "look") log.debug(line, outcome.is);
    else log.info(line, outcome.is);
  }

  async #probe(probe: Probe): Promise<void> {
    const { engine } = this.#deps;
    const run: CommandProbe = (command, timeoutMs) =>
      commandFault(engine, probe.containerId, command, timeoutMs);
    const result = await this.#deps.probe(probe.address, probe.check, run).catch((error: unknown) => {
      // The engine does not answer: nothing is known about the container, good or bad.
      if (error instanceof AppError && error.retryable) return undefined;
      throw error;
    });
    if (result) this.#measure.probed(result);
    this.#agent.probed(probe, result, this.#deps.edge.monotonicMs());
  }

  #about(workload: string): { workload: string; correlationId: string | undefined } {
    return { workload, correlationId: this.#agent.picture.entries.get(workload)?.order?.cause.correlationId };
  }
}
