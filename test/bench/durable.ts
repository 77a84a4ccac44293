// Durable placements per second: from the deployments' requests to decisions and orders acknowledged by a log that flushes
// every append, with simulated nodes that run the real agent.
//   node test/bench/durable.ts [nodes] [deployments] [size]
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeMessage, type EruEvent, subjects } from "@eru/events";
import { type Append, type Broker, connectBroker } from "@eru/log";
import { startNatsServer } from "@eru/testing";
import { ulid } from "ulid";
import { freePort } from "./free-port.ts";

const [nodes = 5_000, deployments = 1_000, size = 1_000] = process.argv.slice(2).map(Number);
const root = join(import.meta.dirname, "../..");
const pod = "bench";
const batchMessages = 500;

const server = await startNatsServer();
const broker = await connectBroker({ servers: [server.url], name: "bench", ensureStreams: true });
const children: ChildProcess[] = [];
const over = new AbortController();
try {
  await appendAll(broker, [
    [subjects.pod(pod), { type: "PodAdded", pod, description: "" } as EruEvent],
    ...Array.from({ length: nodes }, (_, at) => {
      const node = `sim-${at + 1}`;
      return [subjects.node(node), { type: "NodeAdded", node, pod, labels: {} }] as [string, EruEvent];
    }),
  ]);
  const cpus = Math.ceil((deployments * size * 0.02 * 1.5) / nodes) + 1;
  const seen = watch(broker, over.signal);
  const scheduler = await start("services/scheduler/src/main.ts", {});
  const began = performance.now();
  const sim = await start("infra/sim-nodes/src/main.ts", {
    ERU_SIM_COUNT: String(nodes),
    ERU_SIM_CPUS: String(Math.min(1024, cpus)),
    ERU_SIM_MEMORY_MIB: "16777216",
    ERU_SIM_START_MS: process.env["SIM_START_MS"] ?? "5000-15000",
  });
  await until(
    () => seen.alive >= nodes,
    300_000,
    () => `${seen.alive} of ${nodes} nodes are alive`,
  );
  console.log(`${nodes} agents alive after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const wanted = deployments * size;
  const begun = performance.now();
  await appendAll(
    broker,
    Array.from({ length: deployments }, (_, at) => [
      subjects.deployment(pod, `app-web-${String(at).padStart(6, "0")}`),
      request(`app-web-${String(at).padStart(6, "0")}`),
    ]),
  );
  console.log(`requested after ${seconds(begun)} s`);
  await until(
    () => seen.placed >= wanted,
    900_000,
    () => `${seen.placed} of ${wanted} placed, ${rss(scheduler)}`,
  );
  const took = (performance.now() - begun) / 1_000;
  console.log(`${wanted} placements in ${took.toFixed(1)} s: ${Math.round(wanted / took)} a second`);
  console.log(`scheduler: ${rss(scheduler)}; sim-nodes: ${rss(sim)}`);
} finally {
  over.abort();
  for (const child of children) {
    child.kill("SIGTERM");
    await Promise.race([once(child, "exit"), sleep(10_000).then(() => child.kill("SIGKILL"))]);
  }
  await broker.close();
  await server.stop();
}

function request(deployment: string): EruEvent {
  return {
    type: "DeploymentRequested",
    deployment,
    pod,
    template: {
      app: "app",
      release: "v1",
      entrypointName: "web",
      image: "app:v1",
      entrypoint: {
        command: [],
        publish: [8080],
        restart: { policy: "always", retriesMax: 5 },
        network: "bridge",
        env: {},
        graceSeconds: 10,
      },
      env: {},
    },
    count: size,
    resources: { cpu: 0.02, memoryMib: 8 },
    strategy: "auto",
    nodesLimit: 0,
    filter: { includes: [], excludes: [], labels: {} },
    onShortage: "wait",
  };
}

async function appendAll(to: Broker, all: [string, EruEvent][]): Promise<void> {
  for (let at = 0; at < all.length; at += batchMessages) {
    const id = ulid();
    const cause = { correlationId: id, causationId: id };
    const batch: Append[] = all.slice(at, at + batchMessages).map(([subject, event], index) => ({
      subject,
      message: {
        meta: { id: `${id}.${index}`, time: new Date().toISOString(), actor: "bench" },
        events: [{ event, cause }],
      },
    }));
    await to.log.appendBatch(batch);
  }
}

function watch(from: Broker, signal: AbortSignal): { alive: number; placed: number } {
  const seen = { alive: 0, placed: 0 };
  void (async () => {
    for await (const { messages } of from.log.follow({
      subjects: [subjects.decision(pod)],
      fromSeq: 1,
      signal,
    }))
      for (const message of messages)
        for (const { event } of decodeMessage(message)) {
          if (event.type === "NodeRecovered") seen.alive++;
          if (event.type === "PlacementDecided") seen.placed += event.placed.length;
        }
  })();
  return seen;
}

async function start(main: string, env: Record<string, string>): Promise<ChildProcess> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      ...(main.includes("scheduler") && process.env["PROF"]
        ? ["--cpu-prof", "--cpu-prof-dir=/tmp/lead-prof"]
        : []),
      join(root, main),
    ],
    {
      env: {
        ERU_NATS_URL: server.url,
        ERU_NATS_USER: "bench",
        ERU_NATS_PASSWORD: "bench",
        ERU_HTTP_PORT: String(port),
        ERU_LOG_LEVEL: "warn",
        ...env,
      },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  children.push(child);
  return child;
}

async function until(done: () => boolean, limitMs: number, now: () => string): Promise<void> {
  const end = performance.now() + limitMs;
  for (let told = performance.now(); !done(); await sleep(50)) {
    if (performance.now() > end) throw new Error(`not after ${limitMs / 1000} s: ${now()}`);
    if (performance.now() - told > 5_000) {
      console.log(now());
      told = performance.now();
    }
  }
}

function rss({ pid }: ChildProcess): string {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return `${Math.round(Number(line?.[1]) / 1024)} MiB at most`;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
