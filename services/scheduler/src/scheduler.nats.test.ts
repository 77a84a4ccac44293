import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { decodeMessage, type EruEvent } from "@eru/events";
import { type Broker, connectBroker, type Log } from "@eru/log";
import { MemoryBroker } from "@eru/log/memory";
import { type NatsServer, startNatsServer } from "@eru/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { addNode, deploy, start } from "./testkit/running.ts";

let server: NatsServer;
let broker: Broker;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  server = await startNatsServer();
  broker = await connectBroker({ servers: [server.url], name: "test", ensureStreams: true });
});
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
  await broker.close();
  await server.stop();
});

const until = (check: () => void | Promise<void>, timeout = 20_000) =>
  vi.waitFor(check, { timeout, interval: 50 });

const events = async (log: Log, subject: string): Promise<EruEvent[]> =>
  (await log.read(subject, 1)).flatMap((message) => decodeMessage(message)).map(({ event }) => event);

/** Every workload ever placed, and every order to run one, in the order of the log. */
async function placed(log: Log, nodes: readonly string[]) {
  const decided = (await events(log, "eru.decision.p")).flatMap((event) =>
    event.type === "PlacementDecided" ? event.placed : [],
  );
  const orders = await Promise.all(nodes.map((node) => events(log, `eru.assignment.${node}`)));
  const assigned = orders
    .flat()
    .flatMap((event) => (event.type === "WorkloadAssigned" ? [`${event.workload}@${event.node}`] : []));
  return { decided: decided.map(({ workload, node }) => `${workload}@${node}`), assigned };
}

test("two active schedulers over JetStream place everything once, within the nodes' room", async () => {
  const nodes = ["n1", "n2", "n3"];
  const schedulers = await Promise.all(
    [3, 5].map(async (actionsMax) => {
      const own = await connectBroker({ servers: [server.url], name: "scheduler" });
      const { lease } = new MemoryBroker(); // Each believes to be the only one.
      const running = start({ ...own, connected: () => own.connected(), lease }, { actionsMax });
      closing.push(() => running.stop().then(() => own.close()));
      return running;
    }),
  );
  for (const node of nodes) await addNode(broker.log, node, 10);
  await Promise.all(Array.from({ length: 20 }, (_, n) => deploy(broker.log, `shop-web-${n}`, 2)));
  await until(() => {
    for (const { core } of schedulers) expect(core.zone.workloads.size).toBe(30);
  });
  const { decided, assigned } = await placed(broker.log, nodes);
  expect(new Set(decided.map((one) => one.split("@")[0])).size).toBe(30);
  expect(assigned.toSorted()).toEqual(decided.toSorted());
  for (const { core } of schedulers)
    for (const node of core.zone.nodes.values()) expect(node.books.booked.milli).toBe(10_000);
});

/** The scheduler as it is deployed: a process of its own. Resolves when it is caught up. */
async function spawnScheduler(
  own: Record<string, string> = {},
): Promise<{ child: ChildProcess; said: (text: string) => boolean }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
    env: {
      PATH: process.env["PATH"],
      ERU_NATS_URL: server.url,
      ERU_NATS_USER: "scheduler",
      ERU_NATS_PASSWORD: "not-asked-for",
      ...own,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const said = (text: string) => lines.some((line) => line.includes(text));
  if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  closing.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  });
  await until(() => expect(said("caught up"), lines.join("\n")).toBe(true));
  return { child, said };
}

test("one of two scheduler processes is killed mid-way: the other goes on, everything is placed once", async () => {
  const nodes = ["n1", "n2"];
  const first = await spawnScheduler();
  await until(() => expect(first.said("active")).toBe(true));
  const second = await spawnScheduler();
  for (const node of nodes) await addNode(broker.log, node, 100);
  for (let n = 0; n < 40; n++) {
    await deploy(broker.log, `shop-web-${n}`, 2);
    if (n === 20) first.child.kill("SIGKILL");
  }
  // The dead one's lease runs out after 15 s.
  await until(async () => expect((await placed(broker.log, nodes)).decided).toHaveLength(80), 40_000);
  const { decided, assigned } = await placed(broker.log, nodes);
  expect(new Set(decided.map((one) => one.split("@")[0])).size).toBe(80);
  expect(assigned.toSorted()).toEqual(decided.toSorted());
  const ended = once(second.child, "exit");
  second.child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

test("a scheduler has snapshots made, and the next one begins with the newest and goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "eru-snapshot-"));
  closing.push(() => rm(folder, { recursive: true }));
  const snapshots = { SCHEDULER_SNAPSHOT_DIR: folder, SCHEDULER_SNAPSHOT_MESSAGES: "5" };
  await addNode(broker.log, "n1", 100);
  for (let n = 0; n < 5; n++) await deploy(broker.log, `shop-web-${n}`, 2);
  const first = await spawnScheduler(snapshots);
  await until(() => expect(first.said("snapshot written")).toBe(true), 60_000);
  await until(async () => expect((await placed(broker.log, ["n1"])).decided).toHaveLength(10), 60_000);
  const ended = once(first.child, "exit");
  first.child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  const second = await spawnScheduler({ ...snapshots, SCHEDULER_SNAPSHOT_MESSAGES: "100000" });
  expect(second.said("begins with a snapshot")).toBe(true);
  await deploy(broker.log, "shop-web-5", 2);
  await until(async () => expect((await placed(broker.log, ["n1"])).decided).toHaveLength(12), 60_000);
});
