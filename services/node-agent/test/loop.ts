import { type AssignmentEvent, decodeMessage, type FactEvent, subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { createLog, createMetrics, type Logger, type Metrics } from "@eru/service";
import { ulid } from "ulid";
import type { Addressing } from "../src/domain/endpoints.ts";
import type { Engine } from "../src/engine.ts";
import { NodeAgent } from "../src/node-agent.ts";
import { probe } from "../src/probe.ts";
import { testCause } from "./orders.ts";

/** Messages that tests gave an id for themselves. */
let orders = 0;
const silent = createLog("node-agent", "silent");
const checkEveryMs = 10;

/** Appends an order to the node's history, as the scheduler does. */
export async function giveOrders(broker: Broker, ...events: AssignmentEvent[]): Promise<number> {
  const [first] = events;
  if (!first) throw new RangeError("no order given");
  const { seq } = await broker.log.append({
    subject: subjects.assignment(first.node),
    message: {
      meta: { id: `order-${++orders}`, time: new Date().toISOString(), actor: "scheduler" },
      events: events.map((event) => ({ event, cause: testCause })),
    },
  });
  return seq;
}

/** What the node has reported. */
export async function reported(broker: Broker, node = "n1"): Promise<FactEvent[]> {
  const messages = await broker.log.read(subjects.fact(node), 1);
  return messages.flatMap((stored) => decodeMessage(stored).map(({ event }) => event as FactEvent));
}

/** Waits until the check passes; its last failure is the test's. */
export async function eventually<T>(check: () => Promise<T> | T, limitMs = 30_000): Promise<T> {
  for (const endMs = performance.now() + limitMs; ; ) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, checkEveryMs));
    }
  }
}

/** An agent in this process. */
export type RunningAgent = {
  agent: NodeAgent;
  metrics: Metrics;
  /** Ends it as a signal does. */
  stop: () => Promise<void>;
  /** How it ended; does not reject. */
  ended: Promise<unknown>;
};

/** Starts the agent's loop in this process. */
export function runAgent(options: {
  broker: Pick<Broker, "log" | "live" | "connected">;
  engine: Engine;
  node?: string;
  addressing?: Addressing;
  log?: Logger;
}): RunningAgent {
  const stop = new AbortController();
  const metrics = createMetrics("node-agent");
  const agent = new NodeAgent({
    settings: {
      node: options.node ?? "n1",
      addressing: options.addressing ?? { advertise: "container", address: "127.0.0.1" },
      actionsMax: 8,
      agentVersion: "0.0.1",
    },
    broker: options.broker,
    engine: options.engine,
    probe,
    edge: { monotonicMs: () => performance.now(), wallMs: () => Date.now(), newId: ulid },
    metrics,
    log: options.log ?? silent,
  });
  const ended = agent.run(stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    agent,
    metrics,
    ended,
    stop: async () => {
      stop.abort();
      const error = await ended;
      if (error !== undefined) throw error;
    },
  };
}
