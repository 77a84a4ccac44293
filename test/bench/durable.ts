// Durable placements per second: from the first of the deployments' requests until the decisions and orders of all are
// acknowledged by a log that flushes every append. The nodes are simulated and run the real agent, all in one process; how
// long their containers take to start is a parameter, because what agents report later is not in the figure.
//   node test/bench/durable.ts [nodes] [deployments] [size] [start, in ms, as 60000-120000] [working | resting]
// working: the agents take their orders in meanwhile, on the same processors.
// resting: they register, then their process is halted until all is acknowledged, and the bench sends their heartbeats: on
// real machines the agents' work is not the broker's and the scheduler's.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EruEvent, liveSubjects, subjects } from "@eru/events";
import { type Append, type Broker, connectBroker, largeBatchMessagesMax } from "@eru/log";
import { startNatsServer } from "@eru/testing";
import { ulid } from "ulid";
import { freePort } from "./free-port.ts";

const [nodes = 5_000, deployments = 1_000, size = 1_000] = process.argv.slice(2, 5).map(Number);
const startMs = process.argv[5] ?? "60000-120000";
const agents = process.argv[6] ?? "working";
const root = join(import.meta.dirname, "../..");
const pod = "bench";
const batchMessages = 500;
/** As agents do. */
const heartbeatEveryMs = 1_000;
/** Asking more often would be work of its own. */
const lookEveryMs = 250;
/** Of the kernel's clock in a second. */
const clockTicks = 100;

// As `eru up` sets a broker up. One that drops what a halted process does not read would make the agents read it back.
const server = await startNatsServer({
  jetstream: `limits { batch { max_msgs: ${largeBatchMessagesMax} } }`,
});
const broker = await connectBroker({ servers: [server.url], name: "bench", ensureStreams: true });
const children: ChildProcess[] = [];
try {
  await appendAll(broker, [
    [subjects.pod(pod), { type: "PodAdded", pod, description: "" } as EruEvent],
    ...Array.from({ length: nodes }, (_, at) => {
      const node = `sim-${at + 1}`;
      return [subjects.node(node), { type: "NodeAdded", node, pod, labels: {} }] as [string, EruEvent];
    }),
  ]);
  const cpus = Math.ceil((deployments * size * 0.02 * 1.5) / nodes) + 1;
  const scheduler = await start("services/scheduler/src/main.ts", {});
  const began = performance.now();
  const sim = await start("infra/sim-nodes/src/main.ts", {
    ERU_SIM_COUNT: String(nodes),
    ERU_SIM_CPUS: String(Math.min(1024, cpus)),
    ERU_SIM_MEMORY_MIB: "16777216",
    ERU_SIM_START_MS: startMs,
  });
  const figures = () => metricsOf(scheduler.port);
  await until(
    async () => (await figures()).get("eru_scheduler_nodes_alive") === nodes,
    300_000,
    async () => `${(await figures()).get("eru_scheduler_nodes_alive")} of ${nodes} nodes are alive`,
  );
  console.log(`${nodes} agents alive after ${seconds(began)} s`);
  const processes = {
    scheduler: scheduler.pid,
    broker: server.pid,
    "sim-nodes": sim.pid,
    bench: process.pid,
  };
  const beating = agents === "resting" ? rest(sim.pid) : undefined;
  const cpuBefore = cpuOf(processes);
  const wanted = deployments * size;
  const placed = async () => (await figures()).get("eru_scheduler_placements_total") ?? 0;
  const begun = performance.now();
  const requests = Array.from({ length: deployments }, (_, at) => `app-web-${String(at).padStart(6, "0")}`);
  await appendAll(
    broker,
    requests.map((id) => [subjects.deployment(pod, id), request(id)]),
  );
  console.log(`requested after ${seconds(begun)} s`);
  await until(
    async () => (await placed()) >= wanted,
    900_000,
    async () => `${await placed()} of ${wanted} placed, scheduler ${memoryMib(scheduler.pid)} MiB`,
  );
  const took = (performance.now() - begun) / 1_000;
  console.log(`${wanted} placements in ${took.toFixed(1)} s: ${Math.round(wanted / took)} a second`);
  const spent = new Map(
    [...cpuOf(processes)].map(([name, total]) => [name, Math.round(total - (cpuBefore.get(name) ?? 0))]),
  );
  console.log(`processor seconds: ${[...spent].map(([name, each]) => `${name} ${each}`).join(", ")}`);
  if (beating) {
    clearInterval(beating);
    process.kill(sim.pid, "SIGCONT");
  }
  const memory = { scheduler: memoryMib(scheduler.pid), "sim-nodes": memoryMib(sim.pid) };
  console.log(
    JSON.stringify({
      ...{ nodes, deployments, size, startMs, agents, placements: wanted },
      ...{ seconds: Number(took.toFixed(1)), perSecond: Math.round(wanted / took) },
      ...{
        cpuSeconds: Object.fromEntries(spent),
        memoryMib: memory,
        load: loadavg(),
        processors: availableParallelism(),
      },
    }),
  );
} finally {
  for (const child of children) {
    child.kill("SIGTERM");
    await Promise.race([once(child, "exit"), sleep(10_000).then(() => child.kill("SIGKILL"))]);
  }
  await broker.close();
  await server.stop();
}

/** Halts the process of the agents and says for them that they are alive. */
function rest(pid: number): NodeJS.Timeout {
  process.kill(pid, "SIGSTOP");
  const beat = (): void => {
    for (let at = 1; at <= nodes; at++)
      broker.live.publish(
        liveSubjects.nodeHeartbeat(`sim-${at}`),
        JSON.stringify({ node: `sim-${at}`, bootId: "halted", engineReachable: true }),
      );
  };
  beat();
  return setInterval(beat, heartbeatEveryMs);
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

async function start(main: string, env: Record<string, string>): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(root, main)], {
    env: {
      ...process.env,
      ERU_NATS_URL: server.url,
      ERU_NATS_USER: "bench",
      ERU_NATS_PASSWORD: "bench",
      ERU_HTTP_PORT: String(port),
      ERU_LOG_LEVEL: "warn",
      ...env,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  children.push(child);
  await once(child, "spawn");
  return { pid: child.pid ?? 0, port };
}

/** The metrics of a process by name, those with labels of their own left out; none while it does not answer. */
async function metricsOf(port: number): Promise<Map<string, number>> {
  try {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return new Map(
      text.split("\n").flatMap((line): [string, number][] => {
        const [, name, value] = /^([a-z_]+)(?:\{service="[a-z-]+"\})? (\S+)$/.exec(line) ?? [];
        return name ? [[name, Number(value)]] : [];
      }),
    );
  } catch {
    return new Map();
  }
}

async function until(
  done: () => Promise<boolean>,
  limitMs: number,
  now: () => Promise<string>,
): Promise<void> {
  const end = performance.now() + limitMs;
  for (let told = performance.now(); !(await done()); await sleep(lookEveryMs)) {
    const ended = children.find(({ exitCode }) => exitCode !== null);
    if (ended) throw new Error(`${ended.spawnargs[1]} ended with ${ended.exitCode}: see above`);
    if (performance.now() > end) throw new Error(`not after ${limitMs / 1000} s: ${await now()}`);
    if (performance.now() - told > 5_000) {
      console.log(await now());
      told = performance.now();
    }
  }
}

/** Seconds of processor time of each process, with all its threads. */
function cpuOf(pids: Record<string, number>): Map<string, number> {
  const of = (pid: number): number => {
    const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const [user, system] = fields.split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / clockTicks;
  };
  return new Map(Object.entries(pids).map(([name, pid]) => [name, of(pid)]));
}

/** MiB that a process had at most. */
function memoryMib(pid: number): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(line?.[1]) / 1024);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
