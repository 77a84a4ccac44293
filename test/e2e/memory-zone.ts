// A whole zone in one process: the real services over the log in memory, engines that only pretend.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { subjects } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { createLog, createMetrics, hashToken, listen } from "@eru/service";
import { ulid } from "ulid";
import { createCommandApi } from "../../services/command-api/src/command-api.ts";
import { NodeAgent } from "../../services/node-agent/src/node-agent.ts";
import { probe } from "../../services/node-agent/src/probe.ts";
import { SimEngine } from "../../services/node-agent/test/sim-engine.ts";
import { ElbBoard } from "../../services/projector/src/elb-board.ts";
import { Feed } from "../../services/projector/src/feed/feed.ts";
import { feedLimits } from "../../services/projector/src/feed/protocol.ts";
import { projectorMetrics } from "../../services/projector/src/metrics.ts";
import { Progress } from "../../services/projector/src/progress.ts";
import { runProjector } from "../../services/projector/src/projector.ts";
import { createServer } from "../../services/projector/src/server.ts";
import { Views } from "../../services/projector/src/views.ts";
import { actionsMax } from "../../services/scheduler/src/domain/limits.ts";
import { Scheduler } from "../../services/scheduler/src/scheduler.ts";

const token = "eru_token-of-the-zone";
const limits = { ratePerSecond: 1_000_000, inFlightMax: 256, planTimeoutMs: 2_000, waitMs: 10_000 };
const log = createLog("zone", process.env["TEST_LOG"] ?? "silent");

/** A zone that runs, and the directory in which the command line finds its context. */
export type MemoryZone = AsyncDisposable & {
  directory: string;
  token: string;
  command: { commandUrl: string; queryUrl: string };
  engines: ReadonlyMap<string, SimEngine>;
  /** Ends the projector and starts another one on the same file, at the same address. */
  restartProjector: () => Promise<void>;
};

/** Starts command-api, scheduler, projector and one agent per node, each with an engine of 2 CPUs and 4 GiB. */
export async function startMemoryZone(
  nodes: readonly string[],
  images: readonly string[],
): Promise<MemoryZone> {
  const directory = mkdtempSync(join(tmpdir(), "eru-zone-"));
  const broker = new MemoryBroker({ epoch: new Date().toISOString() });
  await admit(broker);
  const command = await startCommandApi(broker);
  const engines = new Map(
    nodes.map((node) => [node, new SimEngine({ node, now: () => Date.now(), images })]),
  );
  const end = new AbortController();
  const running = [
    startScheduler(broker, end.signal),
    ...[...engines].map(([node, engine]) => startAgent(broker, node, engine, end.signal)),
  ];
  const path = join(directory, "view.sqlite");
  let projector = await startProjector(broker, path, 0);
  const context = {
    commandUrl: `http://127.0.0.1:${command.port}`,
    queryUrl: `http://127.0.0.1:${projector.port}`,
    token,
  };
  writeFileSync(join(directory, "context.json"), JSON.stringify(context), { mode: 0o600 });
  return {
    ...{ directory, token, engines, command: context },
    restartProjector: async () => {
      const { port } = projector;
      await projector.stop();
      projector = await startProjector(broker, path, port);
    },
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await Promise.all(running);
      await command.stop();
      await projector.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

async function admit(broker: MemoryBroker): Promise<void> {
  await broker.log.append({
    subject: subjects.user("admin"),
    message: {
      meta: { id: "admit", time: new Date().toISOString(), actor: "test" },
      events: [
        { type: "UserAdded", user: "admin" } as const,
        { type: "TokenIssued", user: "admin", tokenHash: hashToken(token) } as const,
      ].map((event) => ({ event, cause: { correlationId: "admit", causationId: "admit" } })),
    },
  });
}

async function startCommandApi(broker: MemoryBroker) {
  const { app, follower } = await createCommandApi({
    broker,
    limits,
    metrics: createMetrics("command-api"),
    log,
  });
  const end = new AbortController();
  const followed = follower.run(end.signal);
  await follower.ready;
  const port = await listen(app, "127.0.0.1", 0);
  const stop = async () => {
    await app.close();
    end.abort();
    await followed;
  };
  return { port, stop };
}

function startScheduler(broker: MemoryBroker, signal: AbortSignal): Promise<void> {
  const scheduler = new Scheduler({
    broker,
    options: { drainDeadlineMs: 5_000, progressDeadlineMs: 60_000, actionsMax },
    metrics: createMetrics("scheduler"),
    log,
    newId: ulid,
    now: () => performance.now(),
    time: () => new Date().toISOString(),
  });
  return scheduler.run(signal);
}

function startAgent(
  broker: MemoryBroker,
  node: string,
  engine: SimEngine,
  signal: AbortSignal,
): Promise<void> {
  engine.subnet = { subnet: `10.1.${node.replace(/\D/g, "")}.0/24` };
  const agent = new NodeAgent({
    settings: {
      node,
      addressing: { advertise: "container", address: "127.0.0.1", network: "eru", quarantineMs: 300_000 },
      actionsMax: 4,
      agentVersion: "0.1.0",
    },
    broker,
    engine,
    probe,
    edge: { monotonicMs: () => performance.now(), wallMs: () => Date.now(), newId: ulid },
    metrics: createMetrics("node-agent"),
    log,
  });
  return agent.run(signal);
}

async function startProjector(broker: MemoryBroker, path: string, wantedPort: number) {
  const registry = createMetrics("projector");
  const now = () => performance.now();
  const views = new Views(path, log);
  const progress = new Progress(views, now);
  const metrics = projectorMetrics(registry, progress);
  const elbs = new ElbBoard(now);
  const feed = new Feed({ views, limits: feedLimits, metrics, log, now });
  const app = await createServer({
    ...{ views, progress, feed, elbs, limits: feedLimits, metrics: registry, log },
  });
  const port = await listen(app, "127.0.0.1", wantedPort);
  const end = new AbortController();
  const { signal } = end;
  const committed = () => feed.committed();
  // The others go on with the broker when the projector ends.
  const { log: shared, live, lease } = broker;
  const connect = async () => ({ log: shared, live, lease, connected: () => true, close: async () => {} });
  const running = Promise.all([
    runProjector({ connect, views, progress, elbs, metrics, log, committed, signal }),
    feed.run(signal),
  ]);
  await until("the view has caught up", () => progress.notReady() === undefined);
  const stop = async () => {
    end.abort();
    await running;
    await app.close();
    views.close();
  };
  return { port, stop };
}

/** Waits until something is so. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  for (const end = performance.now() + limitMs; !(await holds()); await sleep(10))
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
}
