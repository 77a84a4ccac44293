import { decodeMessage, liveSubjects, rulesFrom, subjects, UnreadableEventError } from "@eru/events";
import {
  BatchTooLargeError,
  type Broker,
  batchMessagesMax,
  ConflictError,
  type Log,
  LogUnavailableError,
} from "@eru/log";
import { MemoryBroker } from "@eru/log/memory";
import { afterEach, expect, test, vi } from "vitest";
import { behind, toBatches } from "./batch.ts";
import { SchedulerCore } from "./core.ts";
import type { Pass } from "./domain/plan.ts";
import { capacityOf } from "./domain/zone.ts";
import { addNode, append, coreOptions, deploy, request, start } from "./testkit/running.ts";

const running: ReturnType<typeof start>[] = [];
const run = (...given: Parameters<typeof start>) => {
  const started = start(...given);
  running.push(started);
  return started;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});

const events = async (log: Log, subject: string) =>
  (await log.read(subject, 1)).flatMap((message) => decodeMessage(message)).map(({ event }) => event);
/** Everything that is stored. */
const stored = async (log: Log) => {
  for await (const { messages } of log.follow({ fromSeq: 1, signal: AbortSignal.any([]) })) return messages;
  return [];
};
const types = async (log: Log) => (await events(log, "eru.decision.p")).map(({ type }) => type);
const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 30_000, interval: 10 });

test("a request in the log becomes a decision and an order on the node", async () => {
  const broker = new MemoryBroker();
  run(broker);
  await addNode(broker.log, "n1", 4);
  await deploy(broker.log, "shop-web-a", 2);
  await until(async () => expect(await events(broker.log, "eru.assignment.n1")).toHaveLength(2));
  expect(await types(broker.log)).toEqual(["NodeRecovered", "PlacementDecided"]);
});

test("a new node gets workloads from its first heartbeat on", async () => {
  const broker = new MemoryBroker();
  run(broker);
  await append(broker.log, "eru.node.n1", {
    type: "NodeAdded",
    node: "n1",
    pod: "p",
    labels: {},
    resources: { cpu: 4, memoryMib: 999 },
  });
  await deploy(broker.log, "shop-web-a", 1);
  await until(async () => expect(await types(broker.log)).toEqual(["PlacementDeferred"]));
  broker.live.publish(liveSubjects.nodeHeartbeat("n1"), "{}");
  await until(async () =>
    expect(await types(broker.log)).toEqual(["PlacementDeferred", "NodeRecovered", "PlacementDecided"]),
  );
});

test("a request of many passes is placed to its end", async () => {
  const broker = new MemoryBroker();
  const { core } = run(broker, { actionsMax: 7 });
  await addNode(broker.log, "n1", 100);
  await deploy(broker.log, "shop-web-a", 60);
  await until(() => expect(core.zone.workloads.size).toBe(60));
});

test("a drain ends when the load balancers say so", async () => {
  const broker = new MemoryBroker();
  const { core } = run(broker);
  await addNode(broker.log, "n1", 100);
  await append(broker.log, "eru.route.a_example", {
    type: "RouteDeclared",
    host: "a.example",
    rules: rulesFrom([{ app: "shop", entrypoint: "web" }]),
  });
  const applied = { elb: "edge", bootId: "b", appliedSeq: 1, changedPools: 0, changedHosts: 0 };
  await append(broker.log, "eru.elb.edge", { type: "RouteTableApplied", ...applied });
  await deploy(broker.log, "shop-web-a", 1);
  await until(() => expect(core.zone.workloads.size).toBe(1));
  const of = { node: "n1", workload: "shop-web-a-1", generation: 1, attempt: 1 };
  await append(broker.log, "eru.fact.n1", { type: "ContainerHealthy", ...of });
  await append(broker.log, "eru.deployment.p.shop-web-a", {
    type: "RemovalRequested",
    deployment: "shop-web-a",
  });
  await until(async () => expect((await types(broker.log)).at(-1)).toBe("RemovalDecided"));
  await append(broker.log, "eru.elb.edge", {
    type: "EndpointDrained",
    elb: "edge",
    workload: "shop-web-a-1",
    inFlight: 0,
  });
  await until(async () =>
    expect((await events(broker.log, "eru.decision.p")).at(-1)).toMatchObject({
      type: "StopDecided",
      because: "drained",
    }),
  );
});

test("a drain ends at its deadline when nobody reports", async () => {
  const broker = new MemoryBroker();
  const { core } = run(broker, { drainDeadlineMs: 300 });
  await addNode(broker.log, "n1", 100);
  await append(broker.log, "eru.route.a_example", {
    type: "RouteDeclared",
    host: "a.example",
    rules: rulesFrom([{ app: "shop", entrypoint: "web" }]),
  });
  const applied = { elb: "edge", bootId: "b", appliedSeq: 1, changedPools: 0, changedHosts: 0 };
  await append(broker.log, "eru.elb.edge", { type: "RouteTableApplied", ...applied });
  await deploy(broker.log, "shop-web-a", 1);
  await until(() => expect(core.zone.workloads.size).toBe(1));
  const of = { node: "n1", workload: "shop-web-a-1", generation: 1, attempt: 1 };
  await append(broker.log, "eru.fact.n1", { type: "ContainerHealthy", ...of });
  await append(broker.log, "eru.deployment.p.shop-web-a", {
    type: "RemovalRequested",
    deployment: "shop-web-a",
  });
  await until(async () =>
    expect((await events(broker.log, "eru.decision.p")).at(-1)).toMatchObject({ because: "drain_deadline" }),
  );
});

/** Each believes to be the active one: its lease is its own. */
const alone = (broker: MemoryBroker): Broker => {
  const { lease } = new MemoryBroker();
  return {
    log: broker.log,
    live: broker.live,
    lease,
    connected: () => broker.connected(),
    close: async () => {},
  };
};

test("two schedulers that both believe to be active place everything once and over-commit nothing", async () => {
  const broker = new MemoryBroker();
  const schedulers = [run(alone(broker), { actionsMax: 3 }), run(alone(broker), { actionsMax: 5 })];
  for (const node of ["n1", "n2", "n3"]) await addNode(broker.log, node, 10);
  for (let n = 0; n < 12; n++) await deploy(broker.log, `shop-web-${n}`, 3);
  await until(() => {
    for (const { core } of schedulers) expect(core.zone.workloads.size).toBe(30);
  });
  const decisions = await events(broker.log, "eru.decision.p");
  const placed = decisions.flatMap((event) => (event.type === "PlacementDecided" ? event.placed : []));
  expect(new Set(placed.map(({ workload }) => workload)).size).toBe(placed.length);
  expect(placed).toHaveLength(30);
  for (const node of schedulers[0]!.core.zone.nodes.values())
    expect(node.books.booked.milli).toBeLessThanOrEqual(capacityOf(node)!.cpu * 1_000);
});

/** A small pass: one batch behind its fence. */
const batchOf = (pass: Pass, id: string) =>
  behind(toBatches(pass, { id, time: "t" })[0]!, pass.expectedLastSeq);

test("a scheduler that slept through another's decision is refused and then finds nothing to do", async () => {
  const { log } = new MemoryBroker();
  await addNode(log, "n1", 1);
  await deploy(log, "shop-web-a", 1);
  await deploy(log, "shop-web-b", 1);
  const [awake, asleep] = [new SchedulerCore(coreOptions, 0), new SchedulerCore(coreOptions, 0)];
  for (const core of [awake, asleep]) core.fold(await stored(log));
  const [late] = [...asleep.passes(0)];
  const [first] = [...awake.passes(0)];
  await log.appendBatch(batchOf(first!.pass, "first"));
  await expect(log.appendBatch(batchOf(late!.pass, "late"))).rejects.toThrow(ConflictError);
  asleep.notRecorded(late!, { untilSeq: (await log.last("eru.decision.p"))!.seq, restUntil: 0 });
  expect([...asleep.passes(0)]).toEqual([]); // It does not even try before it knows what came first.
  asleep.fold(await stored(log));
  expect([...asleep.passes(0)]).toEqual([]);
  expect(asleep.zone.workloads.size).toBe(1);
});

test("what a pass that was not recorded was about is decided again", async () => {
  const { log } = new MemoryBroker();
  await addNode(log, "n1", 1);
  await deploy(log, "shop-web-a", 1);
  const core = new SchedulerCore(coreOptions, 0);
  core.fold(await stored(log));
  const [first] = [...core.passes(0)];
  expect([...core.passes(0)]).toEqual([]);
  core.notRecorded(first!, { untilSeq: 0, restUntil: 500 });
  expect([...core.passes(499)]).toEqual([]);
  const [again] = [...core.passes(500)];
  expect(again?.pass.decisions).toEqual(first?.pass.decisions);
  core.recorded(again!, 4);
  expect([...core.passes(1_000)]).toEqual([]); // Not before its own batch is folded.
});

test("a standby decides nothing until the lease is its own", async () => {
  const broker = new MemoryBroker();
  const active = run(broker);
  await addNode(broker.log, "n1", 9);
  await deploy(broker.log, "shop-web-a", 1);
  await until(() => expect(active.core.zone.workloads.size).toBe(1));
  const standby = run(broker);
  await until(() => expect(standby.scheduler.notReady()).toBeUndefined());
  await active.stop();
  await deploy(broker.log, "shop-web-b", 1);
  await until(() => expect(standby.core.zone.workloads.size).toBe(2));
});

test("while the log does not answer the state is kept, and decisions follow when it does", async () => {
  const broker = new MemoryBroker();
  const { core, scheduler } = run(broker);
  await addNode(broker.log, "n1", 9);
  await deploy(broker.log, "shop-web-a", 1);
  await until(() => expect(core.zone.workloads.size).toBe(1));
  broker.setReachable(false);
  expect(scheduler.notReady()).toBe("not connected to the broker");
  expect(core.zone.workloads.size).toBe(1);
  broker.setReachable(true);
  await deploy(broker.log, "shop-web-b", 1);
  await until(() => expect(core.zone.workloads.size).toBe(2));
});

test("a batch whose answer is lost is not placed a second time", async () => {
  const broker = new MemoryBroker();
  let lost = 0;
  const log = new Proxy(broker.log, {
    get: (target, key) => {
      if (key === "appendBatch")
        return async (batch: Parameters<Log["appendBatch"]>[0]) => {
          const places = await target.appendBatch(batch);
          if (lost++ === 0) throw new LogUnavailableError("appending a batch", "b");
          return places;
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { core } = run({ ...alone(broker), log });
  await addNode(broker.log, "n1", 9);
  await deploy(broker.log, "shop-web-a", 1);
  await until(() => expect(core.zone.workloads.size).toBe(1));
  await deploy(broker.log, "shop-web-b", 1);
  await until(() => expect(core.zone.workloads.size).toBe(2));
  expect(await events(broker.log, "eru.assignment.n1")).toHaveLength(2);
});

test("a broker that takes no large batches gets small ones", async () => {
  const broker = new MemoryBroker();
  const sizes: number[] = [];
  const log = new Proxy(broker.log, {
    get: (target, key) => {
      if (key === "appendBatch")
        return async (batch: Parameters<Log["appendBatch"]>[0]) => {
          sizes.push(batch.length);
          if (batch.length > batchMessagesMax) throw new BatchTooLargeError(batch.length, "too large");
          return await target.appendBatch(batch);
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  for (let n = 0; n < batchMessagesMax + 10; n++) await addNode(broker.log, `node-${n}`, 1);
  await deploy(broker.log, "shop-web-a", 500);
  await deploy(broker.log, "shop-web-b", 510);
  const { core } = run({ ...alone(broker), log });
  await until(() => expect(core.zone.workloads.size).toBe(1_010));
  expect(sizes.filter((size) => size > batchMessagesMax)).toHaveLength(1);
});

test("a message that cannot be read stops the scheduler by name", async () => {
  const broker = new MemoryBroker();
  const log = new Proxy(broker.log, {
    get: (target, key) => {
      if (key === "follow")
        return async function* () {
          yield { messages: [{ subject: "eru.node.n1", seq: 1, messageId: "m", body: "{" }], head: true };
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { ended } = run({ ...alone(broker), log });
  expect(await ended).toBeInstanceOf(UnreadableEventError);
});

test("messages about apps and users are not read at all", () => {
  const core = new SchedulerCore(coreOptions, 0);
  core.fold([{ subject: "eru.app.shop", seq: 1, messageId: "m", body: "nonsense" }]);
  expect(core.zone.seq).toBe(1);
});

test("a dry run answers what would be decided, and records nothing", async () => {
  const broker = new MemoryBroker();
  const { scheduler } = run(broker);
  await addNode(broker.log, "n1", 2);
  await addNode(broker.log, "n2", 2);
  await until(() => expect(scheduler.core.zone.nodes.size).toBe(2));
  const { type: _, onShortage: __, ...asked } = request("shop-web-a", 5);
  const reply = JSON.parse(await broker.live.request(liveSubjects.plan, JSON.stringify(asked), 1_000));
  expect(reply).toMatchObject({
    atSeq: 4,
    placed: [
      { node: "n1", count: 2 },
      { node: "n2", count: 2 },
    ],
    waiting: 1,
    reasons: { wouldHelp: ["free 1 more core on n1"] },
  });
  const bad = JSON.parse(await broker.live.request(liveSubjects.plan, '{"pod":1}', 1_000));
  expect(bad.error).toContain("the request is not readable");
  expect(await broker.log.lastSeq()).toBe(4);
});

test("a dry run in a pod without nodes says to add one, also for a million", async () => {
  const core = new SchedulerCore(coreOptions, 0);
  const { type: _, onShortage: __, ...asked } = request("shop-web-a", 1_000_000);
  expect(core.answer(JSON.stringify(asked), undefined, 0)).toMatchObject({
    placed: [],
    waiting: 1_000_000,
    reasons: { wouldHelp: ["add a node to pod p: it has none"] },
  });
  expect(core.answer(JSON.stringify(asked), "reading the log", 0)).toEqual({ error: "reading the log" });
  expect(subjects.decision("p")).toBe("eru.decision.p");
});
