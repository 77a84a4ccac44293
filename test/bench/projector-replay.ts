// How fast the projector takes in a log, against better-sqlite3 alone in the same run. Not part of CI: its figures depend
// on the machine. Run: node test/bench/projector-replay.ts [deployments]
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { decodeMessage, type EruEvent, type FactEvent, subjects } from "@eru/events";
import Database from "better-sqlite3";
import { reasons, template, World } from "../../services/projector/src/testkit/world.ts";
import { View } from "../../services/projector/src/view.ts";

const workloadsPerDeployment = 10;
const nodesTotal = 50;
/** As many messages as one page of the log has. */
const pageMessages = 500;

/** A zone that deploys, runs, crashes now and then, and removes: what a busy month looks like. */
function busyZone(deployments: number): World {
  const world = new World();
  world.append(subjects.pod("p1"), "user:ada", [{ type: "PodAdded", pod: "p1", description: "" }]);
  for (let n = 0; n < nodesTotal; n++)
    world.append(subjects.node(`n${n}`), "user:ada", [
      { type: "NodeAdded", node: `n${n}`, pod: "p1", labels: {} },
    ]);
  for (let d = 0; d < deployments; d++) {
    deploy(world, d);
    if (d >= 200) remove(world, d - 200); // A few hundred run at a time.
  }
  return world;
}

const idOf = (d: number) => `app${d % 40}-web-${String(d).padStart(6, "0")}`;
const workloadsOf = (d: number) =>
  Array.from({ length: workloadsPerDeployment }, (_, n) => ({
    workload: `${idOf(d)}-${n + 1}`,
    node: `n${(d * 7 + n) % nodesTotal}`,
  }));

function deploy(world: World, d: number): void {
  const deployment = idOf(d);
  const of = template(`app${d % 40}`, "v1", "web");
  const resources = { cpu: 0.1, memoryMib: 32 };
  const seq = world.append(subjects.deployment("p1", deployment), "user:ada", [
    {
      type: "DeploymentRequested",
      ...{ deployment, pod: "p1", template: of, count: workloadsPerDeployment, resources },
      ...{ strategy: "auto", nodesLimit: 0, onShortage: "wait" },
      filter: { includes: [], excludes: [], labels: {} },
    },
  ]);
  const placed = workloadsOf(d);
  world.append(
    subjects.decision("p1"),
    "scheduler",
    [
      {
        type: "PlacementDecided",
        ...{ deployment, release: "v1", because: "deployed", templateSeq: seq, placed, waiting: 0 },
        reasons: reasons(seq),
      },
    ],
    `m${seq}`,
  );
  for (const { workload, node } of placed)
    world.append(
      subjects.assignment(node),
      "scheduler",
      [
        {
          type: "WorkloadAssigned",
          node,
          pod: "p1",
          workload,
          deployment,
          generation: 1,
          template: of,
          resources,
        },
      ],
      `m${seq}`,
    );
  for (const { workload, node } of placed) {
    const fact = { node, workload, generation: 1 };
    const endpoints = [{ port: 8080, ip: "10.0.0.2", hostPort: 8080 }];
    say(world, seq, { type: "ContainerCreated", ...fact, containerId: "c".repeat(64) });
    say(world, seq, {
      type: "ContainerStarted",
      ...fact,
      containerId: "c".repeat(64),
      attempt: 1,
      endpoints,
    });
    say(world, seq, { type: "ContainerHealthy", ...fact, attempt: 1 });
    if (d % 10 === 0) {
      const ended = { attempt: 1, exitCode: 1, outOfMemory: false, retryInMs: 1_000 };
      say(world, seq, { type: "ContainerExited", ...fact, ...ended });
      say(world, seq, {
        type: "ContainerStarted",
        ...fact,
        containerId: "c".repeat(64),
        attempt: 2,
        endpoints,
      });
      say(world, seq, { type: "ContainerHealthy", ...fact, attempt: 2 });
    }
  }
}

function remove(world: World, d: number): void {
  const deployment = idOf(d);
  const seq = world.append(subjects.deployment("p1", deployment), "user:ada", [
    { type: "RemovalRequested", deployment },
  ]);
  const stops = workloadsOf(d).flatMap(({ workload, node }): EruEvent[] => [
    {
      type: "RemovalDecided",
      ...{ deployment, workload, node, because: "removed", drain: false, drainDeadlineMs: 0 },
    },
    { type: "StopDecided", deployment, workload, node, because: "not_routed" },
  ]);
  world.append(subjects.decision("p1"), "scheduler", stops, `m${seq}`);
  for (const { workload, node } of workloadsOf(d)) {
    const order = { node, workload, generation: 2 };
    world.append(
      subjects.assignment(node),
      "scheduler",
      [{ type: "WorkloadStopAssigned", ...order, graceSeconds: 10 }],
      `m${seq}`,
    );
    say(world, seq, { type: "ContainerRemoved", ...order, exitCode: 0, ordered: true });
  }
}

const say = (world: World, cause: number, fact: FactEvent) =>
  world.append(subjects.fact(fact.node), `agent:${fact.node}`, [fact], `m${cause}`);

/** Seconds it takes. */
function seconds(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

function inPages(log: World["log"], take: (page: World["log"]) => void): void {
  for (let at = 0; at < log.length; at += pageMessages) take(log.slice(at, at + pageMessages));
}

/** The same messages as rows of one table with one key: the least that keeping them costs. */
function rawInserts(log: World["log"], path: string): number {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  db.exec("create table events (seq integer primary key, subject text, body text) strict");
  const insert = db.prepare("insert into events values (?, ?, ?)");
  const time = seconds(() =>
    inPages(log, (page) =>
      db.transaction(() => {
        for (const { seq, subject, body } of page) insert.run(seq, subject, body);
      })(),
    ),
  );
  db.close();
  return time;
}

const { positionals } = parseArgs({ allowPositionals: true });
const folder = mkdtempSync(join(tmpdir(), "eru-replay-"));
try {
  const { log } = busyZone(Number(positionals[0] ?? 2_000));
  let events = 0;
  const decoding = seconds(() => {
    for (const message of log) events += decodeMessage(message).length;
  });
  const raw = rawInserts(log, join(folder, "raw.db"));
  const path = join(folder, "view.db");
  const view = View.create(path);
  const replay = seconds(() => inPages(log, (page) => view.apply(page, "bench")));
  view.close();
  const rate = (time: number) => `${Math.round(events / time).toLocaleString("en")} events/s`;
  console.log(`${log.length} messages, ${events} events`);
  console.log(`decoding and checking alone   ${rate(decoding)}`);
  console.log(`raw inserts into one table    ${rate(raw)}`);
  console.log(
    `the whole view                ${rate(replay)}, ${(replay / raw).toFixed(1)} times raw inserts`,
  );
  console.log(`file                          ${Math.round(statSync(path).size / events)} bytes an event`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
