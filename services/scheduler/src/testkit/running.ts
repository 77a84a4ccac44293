import { type DeploymentEvent, type EruEvent, subjects } from "@eru/events";
import type { Broker, Log } from "@eru/log";
import { createLog, createMetrics } from "@eru/service";
import type { CoreOptions } from "../core.ts";
import { Scheduler } from "../scheduler.ts";
import { defaults, template } from "./world.ts";

export const coreOptions: CoreOptions = { ...defaults, progressDeadlineMs: 300_000 };

let ids = 0;

/** Appends events of one history as their writer would. */
export async function append(log: Log, subject: string, ...events: EruEvent[]): Promise<number> {
  const cause = { correlationId: "test", causationId: "test" };
  const { seq } = await log.append({
    subject,
    message: {
      meta: { id: `test-${++ids}`, time: "2026-01-01T00:00:00.000Z", actor: "user:test" },
      events: events.map((event) => ({ event, cause })),
    },
  });
  return seq;
}

/** A node of pod `p` that is alive as far as the log knows. */
export async function addNode(log: Log, node: string, cpu: number): Promise<void> {
  const resources = { cpu, memoryMib: 100_000 };
  await append(log, subjects.node(node), { type: "NodeAdded", node, pod: "p", labels: {}, resources });
  await append(log, subjects.decision("p"), { type: "NodeRecovered", pod: "p", node });
}

/** The request for a deployment of `count` workloads of one core each. */
export const request = (
  deployment: string,
  count: number,
  cpu = 1,
): Extract<DeploymentEvent, { type: "DeploymentRequested" }> => ({
  type: "DeploymentRequested",
  deployment,
  pod: "p",
  template: template(),
  count,
  resources: { cpu, memoryMib: 100 },
  strategy: "auto",
  nodesLimit: 0,
  filter: { includes: [], excludes: [], labels: {} },
  onShortage: "wait",
});

export const deploy = (log: Log, deployment: string, count: number, cpu = 1): Promise<number> =>
  append(log, subjects.deployment("p", deployment), request(deployment, count, cpu));

/** A scheduler at work. `stop` ends it and gives what its run ended with. */
export function start(broker: Broker, options: Partial<CoreOptions> = {}) {
  const stop = new AbortController();
  const scheduler = new Scheduler({
    broker,
    options: { ...coreOptions, ...options },
    metrics: createMetrics("scheduler"),
    log: createLog("scheduler", "silent"),
    newId: () => `batch-${++ids}`,
    now: () => performance.now(),
    time: () => "2026-01-01T00:00:00.000Z",
  });
  const ended = scheduler.run(stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    scheduler,
    core: scheduler.core,
    ended,
    stop: async () => {
      stop.abort();
      return await ended;
    },
  };
}
