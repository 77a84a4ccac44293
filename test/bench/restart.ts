// How long a scheduler takes from its start until it is ready, on a log of many placements of which the agents have said that
// they are created, started and healthy: with nothing but the log, and with a snapshot. And what making the snapshot takes.
//   node test/bench/restart.ts [nodes] [deployments] [size]
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connectBroker } from "@eru/log";
import { startNatsServer } from "@eru/testing";
import { freePort } from "./free-port.ts";
import { History } from "./scheduler/history.ts";

const [nodes = 5_000, deployments = 1_000, size = 1_000] = process.argv.slice(2).map(Number);
const root = join(import.meta.dirname, "../..");
const limitMs = 240_000;
const toldEveryMessages = 200_000;

const folder = mkdtempSync(join(tmpdir(), "eru-restart-"));
// How fast the log takes it is another benchmark's question.
const server = await startNatsServer({ jetstream: "sync_interval: 2m" });
const children: ChildProcess[] = [];
try {
  const messages = await write();
  console.log(`${messages} messages of ${deployments * size} placements on ${nodes} nodes`);
  const whole = await started({});
  console.log(`ready after ${whole.seconds} s with the log alone, ${whole.memoryMib} MiB`);
  await stopped(whole.child);
  const making = await started({ SCHEDULER_SNAPSHOT_DIR: folder, SCHEDULER_SNAPSHOT_MESSAGES: "1" });
  const said = JSON.parse(await making.line("snapshot written")) as { bytes: number; ms: number };
  console.log(`snapshot made in ${said.ms} ms, ${said.bytes} bytes`);
  await stopped(making.child);
  const short = await started({ SCHEDULER_SNAPSHOT_DIR: folder });
  console.log(`ready after ${short.seconds} s with the snapshot, ${short.memoryMib} MiB`);
  console.log(
    JSON.stringify({
      ...{ nodes, deployments, size, messages },
      wholeLog: { seconds: whole.seconds, memoryMib: whole.memoryMib },
      snapshot: { seconds: short.seconds, memoryMib: short.memoryMib },
      snapshotMib: Math.round(statSync(join(folder, "zone.snapshot")).size / 1024 / 1024),
      snapshotMadeSeconds: Number((said.ms / 1_000).toFixed(1)),
      ...{ load: loadavg(), processors: availableParallelism() },
    }),
  );
} finally {
  for (const child of children) await stopped(child);
  await server.stop();
  rmSync(folder, { recursive: true });
}

/** Fills the log; the number of its messages. */
async function write(): Promise<number> {
  const broker = await connectBroker({ servers: [server.url], name: "bench", ensureStreams: true });
  let written = 0;
  try {
    for (const batch of new History({ nodes, deployments, size, facts: true }).appends()) {
      const before = written;
      written += batch.length;
      await broker.log.appendBatch(batch);
      if (Math.floor(before / toldEveryMessages) < Math.floor(written / toldEveryMessages))
        console.log(`${written} messages written`);
    }
  } finally {
    await broker.close();
  }
  return written;
}

type Started = {
  child: ChildProcess;
  seconds: number;
  memoryMib: number;
  /** The line of its log that says so, also when it was said before. */
  line: (text: string) => Promise<string>;
};

/** A scheduler process that is ready. */
async function started(own: Record<string, string>): Promise<Started> {
  const begun = performance.now();
  const child = spawn(process.execPath, [join(root, "services/scheduler/src/main.ts")], {
    env: {
      ...process.env,
      ERU_NATS_URL: server.url,
      ERU_NATS_USER: "bench",
      ERU_NATS_PASSWORD: "bench",
      ERU_HTTP_PORT: String(await freePort()),
      ...own,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const lines: string[] = [];
  const heard = new EventTarget();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    heard.dispatchEvent(new Event("line"));
  });
  const signal = AbortSignal.timeout(limitMs);
  const line = async (text: string): Promise<string> => {
    for (;;) {
      const found = lines.find((one) => one.includes(text));
      if (found !== undefined) return found;
      await once(heard, "line", { signal });
    }
  };
  await line("caught up");
  const seconds = Number(((performance.now() - begun) / 1_000).toFixed(1));
  return { child, seconds, memoryMib: memoryMib(child.pid ?? 0), line };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** The most memory that the process has had. */
function memoryMib(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1024);
}
