import type { Broker } from "@eru/log";
import { type AgentProbe, NodeAgent } from "@eru/node-agent";
import { SimEngine } from "@eru/node-agent/sim-engine";
import { type Logger, type Metrics, pause } from "@eru/service";
import { ulid } from "ulid";
import { chance, type NodeTraits } from "./traits.ts";

/** Agents that read their histories at once: each takes a consumer of the broker while it does. */
const startingMax = 25;
const readyPollMs = 20;

export type SimNodesOptions = {
  nodes: readonly { name: string; traits: NodeTraits }[];
  broker: Pick<Broker, "log" | "live" | "connected">;
  metrics: Metrics;
  log: Logger;
  /** What decides which starts fail. */
  seed: number;
  /** The part of all starts whose process ends at once with status 1: 0.01 is one of a hundred. */
  failures: number;
  /** Told how many agents work. */
  tell?: (ready: number) => void;
};

/**
 * Nodes that are not there: the real agent, thousands of times in one process, each over an engine in memory. What they
 * say to the rest of Eru is what agents of real machines would say, so schedulers, projectors and the log can be sized
 * with them.
 */
export class SimNodes {
  readonly #options: SimNodesOptions;
  readonly #agents: NodeAgent[] = [];

  constructor(options: SimNodesOptions) {
    this.#options = options;
  }

  /** How many agents have caught up with their orders. */
  ready(): number {
    return this.#agents.filter((agent) => agent.notReady() === undefined).length;
  }

  /** Runs all agents until the signal aborts. The first agent that fails ends all. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    const running: Promise<void>[] = [];
    const failed = Promise.withResolvers<never>();
    try {
      const starting = this.#startAll(ended, (run) => {
        running.push(run);
        run.catch(failed.reject);
      });
      const aborted = new Promise<void>((resolve) => {
        if (ended.aborted) resolve();
        ended.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.race([failed.promise, Promise.all([starting, aborted])]);
    } finally {
      stop.abort();
      await Promise.allSettled(running);
    }
  }

  async #startAll(signal: AbortSignal, started: (run: Promise<void>) => void): Promise<void> {
    const { nodes, tell } = this.#options;
    for (let at = 0; at < nodes.length && !signal.aborted; at += startingMax) {
      const group = nodes.slice(at, at + startingMax).map((node) => this.#agent(node));
      this.#agents.push(...group);
      for (const agent of group) started(agent.run(signal));
      while (!signal.aborted && group.some((agent) => agent.notReady() !== undefined))
        await pause(readyPollMs, signal);
      tell?.(this.#agents.length);
    }
  }

  #agent({ name, traits }: { name: string; traits: NodeTraits }): NodeAgent {
    const { broker, metrics, log } = this.#options;
    return new NodeAgent({
      settings: {
        node: name,
        addressing: { advertise: "container", address: "127.0.0.1" },
        actionsMax: 8,
        agentVersion: "simulated",
      },
      broker,
      engine: this.#engine(name, traits),
      probe: alwaysHealthy,
      edge: { monotonicMs: () => performance.now(), wallMs: () => Date.now(), newId: ulid },
      metrics,
      log,
    });
  }

  #engine(name: string, { cpus, memoryMib, startMs }: NodeTraits): SimEngine {
    const { seed, failures } = this.#options;
    const engine = new SimEngine({ node: name, now: () => Date.now(), registry: "any" });
    engine.cpus = cpus;
    engine.memoryBytes = memoryMib * 1024 ** 2;
    engine.before = async (step) => {
      engine.steps.length = 0; // For tests; here it would only grow.
      // Until then it says nothing: what takes long on a real machine, above all its image, comes first.
      if (step === "create") await pause(startMs, new AbortController().signal);
    };
    let starts = 0;
    engine.process = (container) =>
      chance(seed, name, container.name, String(++starts)) < failures ? { exitCode: 1 } : undefined;
    return engine;
  }
}

/** There is nothing to connect to: a container that runs is healthy. */
const alwaysHealthy: AgentProbe = async () => ({ ok: true });
