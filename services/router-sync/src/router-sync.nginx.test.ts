// The whole service with a real nginx, over the log in memory.
import type { EruEvent } from "@eru/events";
import { liveSubjects } from "@eru/events";
import { LogUnavailableError, MemoryBroker } from "@eru/log";
import { createLog, createMetrics } from "@eru/service";
import { ulid } from "ulid";
import { afterEach, expect, test } from "vitest";
import { bootText } from "./nginx-admin.ts";
import { isRunning, send } from "./nginx-process.ts";
import { RouterSync } from "./router-sync.ts";
import {
  assigned,
  exited,
  healthy,
  nodeLost,
  removal,
  route,
  routeRemoved,
  started,
  stopDecided,
} from "./testing.ts";
import { Client, openUpgraded } from "./testing-client.ts";
import { reports, reportsOf, write } from "./testing-log.ts";
import {
  type Backend,
  type Elb,
  freeze,
  prepareElb,
  startBackend,
  tableOf,
  until,
  whole,
} from "./testing-nginx.ts";

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function backend(...args: Parameters<typeof startBackend>): Promise<Backend> {
  const one = await startBackend(...args);
  closers.push(one.stop);
  return one;
}

/** The events that bring a workload up at a backend's address. */
const up = (one: Backend, node = "n1"): EruEvent[] => {
  const { id, ip, port } = one.endpoint;
  return [
    assigned(id, node),
    started(id, node, { endpoints: [{ port: 8080, ip, hostPort: port }] }),
    healthy(id, node),
  ];
};
const helloRoute = route("hello.org", "/ hello/web");

type Running = {
  sync: RouterSync;
  elb: Elb;
  client: Client;
  stop: () => Promise<void>;
  metrics: () => Promise<string>;
};

/** Runs the service; ended with its test. */
async function run(
  broker: MemoryBroker,
  options: {
    elb?: Elb;
    onStop?: "quit" | "keep";
    connect?: () => Promise<MemoryBroker>;
    silentMostMs?: number;
  } = {},
): Promise<Running> {
  const elb = options.elb ?? (await prepareElb());
  if (!options.elb) closers.push(elb.stop);
  const metrics = createMetrics("router-sync");
  const sync = new RouterSync({
    elb: "edge",
    nginx: elb.nginx,
    onStop: options.onStop ?? "keep",
    connect: options.connect ?? (async () => broker),
    log: createLog("router-sync", "fatal"),
    metrics,
    newId: ulid,
    times: { logWaitMs: 300, silentMostMs: options.silentMostMs ?? 10_000 },
  });
  const stop = new AbortController();
  const ended = sync.run(stop.signal);
  ended.catch(() => undefined); // Told by stop() below.
  const client = new Client(elb.port);
  const close = async () => {
    stop.abort();
    await ended;
  };
  closers.push(close, () => client.close());
  return { sync, elb, client, stop: close, metrics: () => metrics.registry.metrics() };
}
const ready = (running: Running) =>
  until("the service is ready", () => running.sync.notReady() === undefined);
const answering = (running: Running, id: string) =>
  until(`${id} answers`, async () => (await running.client.ask().catch(() => undefined))?.seen?.id === id);

test("what the log says before the start is served from the first request on", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  const seq = await write(broker, helloRoute, ...up(one));
  const running = await run(broker);
  const first = await until("something answers", () => running.client.ask().catch(() => undefined));
  expect(first.seen?.id).toBe("hello-web-1");
  await until("it is on record", async () => (await reports(broker)).length > 0);
  const { bootId } = await running.elb.admin.status();
  expect(await reports(broker)).toEqual([
    { type: "RouteTableApplied", elb: "edge", bootId, appliedSeq: seq, changedPools: 0, changedHosts: 0 },
  ]);
});

test("a workload that turns healthy is served at once, and the record says up to which sequence", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute);
  const running = await run(broker);
  await ready(running);
  await until("the first table is on record", async () => (await reports(broker)).length === 1);
  const seq = await write(broker, ...up(one));
  const sinceMs = performance.now();
  await answering(running, "hello-web-1");
  expect(performance.now() - sinceMs).toBeLessThan(1_000);
  const [, applied] = await until("it is on record", async () => {
    const found = await reports(broker);
    return found.length === 2 && found;
  });
  expect(applied).toMatchObject({
    type: "RouteTableApplied",
    appliedSeq: seq,
    changedPools: 1,
    changedHosts: 0,
  });
});

test("events that come together make one change, and those of other concern none", async () => {
  const broker = new MemoryBroker();
  const some = await Promise.all([1, 2, 3, 4, 5].map((n) => backend(`hello-web-${n}`)));
  await write(broker, helloRoute);
  const running = await run(broker);
  await until("the first table is on record", async () => (await reports(broker)).length === 1);
  const before = await running.elb.admin.status();
  await write(broker, ...some.flatMap((one) => up(one)));
  await until("all are in the table", async () =>
    (await running.metrics()).includes('eru_router_sync_endpoints{service="router-sync"} 5'),
  );
  const after = await running.elb.admin.status();
  expect(after.token - before.token).toBeLessThanOrEqual(2);
  await write(broker, started("hello-web-9"), { type: "RemovalRequested", deployment: "else-web" });
  await until("they were read", async () =>
    (await running.metrics()).includes('eru_router_sync_lag_messages{service="router-sync"} 0'),
  );
  expect((await running.elb.admin.status()).token).toBe(after.token);
});

test("a removed workload is drained: its request ends first, then the record says so, then it leaves the table", async () => {
  const broker = new MemoryBroker();
  let finish = () => {};
  const going = await backend("hello-web-1", (_request, response) => {
    finish = () => response.end("done");
  });
  const staying = await backend("hello-web-2");
  await write(broker, helloRoute, ...up(going));
  const running = await run(broker);
  await ready(running);
  const slow = new Client(running.elb.port);
  closers.push(() => slow.close());
  const answer = slow.ask();
  await until(
    "it is under way",
    async () => (await running.elb.admin.drain(["hello-web-1"])).endpoints["hello-web-1"]?.http === 1,
  );
  await write(broker, ...up(staying), removal("hello-web-1"));
  await until("it is draining", async () =>
    (await running.elb.admin.table()).table.get("p:hello/web")?.includes('"s":"d"'),
  );
  expect((await running.client.ask()).seen?.id).toBe("hello-web-2");
  expect(await reportsOf(broker, "EndpointDrained")).toEqual([]);
  finish();
  expect((await answer).text).toBe("done");
  await until("the drain is on record", async () => (await reportsOf(broker, "EndpointDrained")).length > 0);
  await write(broker, stopDecided("hello-web-1"));
  await until(
    "it left the table",
    async () => !(await running.elb.admin.table()).table.get("p:hello/web")?.includes("hello-web-1"),
  );
  expect(await reportsOf(broker, "EndpointDrained")).toEqual([
    { type: "EndpointDrained", elb: "edge", workload: "hello-web-1", inFlight: 0 },
  ]);
});

test("a drain ends at its deadline, with what is left", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const running = await run(broker);
  await ready(running);
  const open = await openUpgraded(running.elb.port);
  closers.push(open.close);
  await write(broker, removal("hello-web-1", { drainDeadlineMs: 300 }));
  const [drained] = await until("the deadline", async () => {
    const found = await reportsOf(broker, "EndpointDrained");
    return found.length > 0 && found;
  });
  expect(drained).toMatchObject({ workload: "hello-web-1", inFlight: 1 });
});

test("a removal of what was never routed here is reported at once", async () => {
  const broker = new MemoryBroker();
  const running = await run(broker);
  await ready(running);
  await write(broker, assigned("hello-web-7"), removal("hello-web-7"));
  await until("it is on record", async () => (await reportsOf(broker, "EndpointDrained")).length === 1);
});

test("an endpoint that the loss of its node holds in use is not reported as drained", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  const other = await backend("hello-web-2");
  await write(
    broker,
    helloRoute,
    ...up(one, "n1"),
    nodeLost("n1"),
    removal("hello-web-1", { because: "node_lost" }),
  );
  const running = await run(broker);
  await answering(running, "hello-web-1");
  expect(await running.metrics()).toContain('eru_router_sync_held_pools{service="router-sync"} 1');
  expect(await reportsOf(broker, "EndpointDrained")).toEqual([]);
  await write(broker, ...up(other, "n2"));
  await answering(running, "hello-web-2");
  await until("now it is", async () => (await reportsOf(broker, "EndpointDrained")).length === 1);
});

test("a line nginx refuses is put on record for its host, and everything else goes on", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  const tooLong = `/${"é".repeat(700)}`;
  // Before the start as well as after: nginx would not start with a boot file that holds such a line.
  await write(broker, helloRoute, ...up(one), route("early.org", `${tooLong} hello/web`));
  const running = await run(broker);
  await answering(running, "hello-web-1");
  await write(broker, route("late.org", `${tooLong} hello/web`), route("good.org", "/ hello/web"));
  await until(
    "the good one is served",
    async () => (await running.client.ask({ host: "good.org" })).status === 200,
  );
  const rejected = await until("both are on record", async () => {
    const found = await reportsOf(broker, "RouteRejected");
    return found.length === 2 && found;
  });
  expect(rejected.map(({ host }) => host).sort()).toEqual(["early.org", "late.org"]);
  expect(rejected[0]?.reason).toMatch(/at most 1024 bytes/);
  await write(broker, route("late.org", "/ hello/web"));
  await until(
    "corrected, it is served",
    async () => (await running.client.ask({ host: "late.org" })).status === 200,
  );
});

test("a refused change of a host that is served leaves the host as it was", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const running = await run(broker);
  await answering(running, "hello-web-1");
  await write(broker, route("hello.org", `/${"é".repeat(700)} hello/web`));
  await until("it is on record", async () => (await reportsOf(broker, "RouteRejected")).length === 1);
  expect((await running.client.ask()).status).toBe(200);
  // nginx dies: the file it starts from must hold the host as it was, too.
  const { masterPid, workers } = await whole(running.elb);
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) send(pid, "SIGKILL");
  await answering(running, "hello-web-1");
});

test("without room new hosts wait and are named, while endpoints go on changing", async () => {
  const broker = new MemoryBroker();
  const [one, two] = [await backend("hello-web-1"), await backend("hello-web-2")];
  await write(broker, helloRoute, ...up(one));
  const elb = await prepareElb({ tableSize: "2m" });
  closers.push(elb.stop);
  const running = await run(broker, { elb });
  await answering(running, "hello-web-1");
  const many = Array.from({ length: 30 }, (_, index) => `/${"x".repeat(900)}${index} hello/web`);
  for (let index = 0; (await reportsOf(broker, "RouteRejected")).length === 0; index++) {
    expect(index).toBeLessThan(200);
    const seq = await write(broker, route(`h${index}.org`, ...many));
    await until("the change is through", async () => {
      const seen = Number(/eru_router_sync_applied_seq{[^}]*} (\d+)/.exec(await running.metrics())?.[1]);
      return seen >= seq;
    });
  }
  expect((await reportsOf(broker, "RouteRejected"))[0]?.reason).toMatch(/ERU_ELB_TABLE_MIB/);
  await write(broker, ...up(two), exited("hello-web-1"));
  await answering(running, "hello-web-2");
});

test("nginx's master killed: its workers serve on until a new one takes over with the newest table", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const running = await run(broker);
  await answering(running, "hello-web-1");
  const before = await whole(running.elb);
  send(before.masterPid, "SIGKILL");
  const after = await until("another serves", async () => {
    const status = await running.elb.admin.status().catch(() => undefined);
    return status && status.bootId !== before.bootId && status;
  });
  expect(after.orphaned).toBe(false);
  await answering(running, "hello-web-1");
  for (const { pid } of before.workers)
    await until("the orphans are gone", async () => !(await isRunning(pid)));
  await until("the new start is on record", async () =>
    (await reportsOf(broker, "RouteTableApplied")).some(({ bootId }) => bootId === after.bootId),
  );
  expect(await running.metrics()).toContain('eru_router_sync_nginx_starts{service="router-sync"} 2');
});

test("an nginx that hangs is replaced", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const running = await run(broker, { silentMostMs: 1_500 });
  await answering(running, "hello-web-1");
  await ready(running);
  const { masterPid, workers, bootId } = await whole(running.elb);
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) await freeze(pid);
  const fresh = new Client(running.elb.port);
  closers.push(() => fresh.close());
  await until("another nginx is there", async () => !(await isRunning(masterPid)));
  await until(
    "it serves",
    async () => (await fresh.ask().catch(() => undefined))?.seen?.id === "hello-web-1",
  );
  expect((await running.elb.admin.status()).bootId).not.toBe(bootId);
});

test("a service that ends leaves nginx serving, and the next one takes it over and catches up", async () => {
  const broker = new MemoryBroker();
  const [one, two] = [await backend("hello-web-1"), await backend("hello-web-2")];
  await write(broker, helloRoute, ...up(one));
  const first = await run(broker);
  await answering(first, "hello-web-1");
  const { bootId } = await first.elb.admin.status();
  await first.stop();
  expect((await first.client.ask()).seen?.id).toBe("hello-web-1");
  await write(broker, exited("hello-web-1"), ...up(two));
  const second = await run(broker, { elb: first.elb });
  await answering(second, "hello-web-2");
  expect((await second.elb.admin.status()).bootId).toBe(bootId);
  expect(await second.metrics()).toContain('eru_router_sync_nginx_starts{service="router-sync"} 0');
});

test("told to quit with it, nginx ends when the service does", async () => {
  const running = await run(new MemoryBroker(), { onStop: "quit" });
  await ready(running);
  const { masterPid } = await running.elb.admin.status();
  await running.stop();
  expect(await isRunning(masterPid)).toBe(false);
});

test("a log that is not reachable at the start: the last table known is served, and caught up with later", async () => {
  const broker = new MemoryBroker();
  const [one, two] = [await backend("hello-web-1"), await backend("hello-web-2")];
  const elb = await prepareElb();
  closers.push(elb.stop);
  await elb.nginx.writeBootFile(
    bootText(
      { epoch: "before", seq: 99 },
      tableOf({ "hello/web": [one.endpoint] }, { "hello.org": ["/ hello/web"] }),
    ),
  );
  let reachable = false;
  const connect = async () => {
    if (!reachable) throw new LogUnavailableError("connecting");
    return broker;
  };
  const running = await run(broker, { elb, connect });
  await answering(running, "hello-web-1");
  await ready(running);
  await write(broker, helloRoute, ...up(two));
  reachable = true;
  await answering(running, "hello-web-2");
  expect((await elb.admin.status()).epoch).toBe(await broker.log.epoch());
});

test("without a log and without a table nginx stays away, and the reason is told", async () => {
  const running = await run(new MemoryBroker(), {
    connect: () => Promise.reject(new LogUnavailableError("connecting")),
  });
  await until("the wait for the log is over", () => running.sync.notReady()?.includes("no boot file"));
  expect(await running.client.ask().catch(() => "refused")).toBe("refused");
});

test("while the log is away nginx serves on, and what happened meanwhile is applied and put on record later", async () => {
  const broker = new MemoryBroker();
  const [one, two] = [await backend("hello-web-1"), await backend("hello-web-2")];
  await write(broker, helloRoute, ...up(one));
  const running = await run(broker);
  await answering(running, "hello-web-1");
  broker.setReachable(false);
  expect((await running.client.ask()).seen?.id).toBe("hello-web-1");
  broker.setReachable(true);
  const seq = await write(broker, ...up(two), removal("hello-web-1"));
  await until("all is on record", async () => {
    const [applied, drained] = [
      await reportsOf(broker, "RouteTableApplied"),
      await reportsOf(broker, "EndpointDrained"),
    ];
    return drained.length === 1 && (applied.at(-1)?.appliedSeq ?? 0) >= seq;
  });
});

test("a route that goes takes its answer along; the pools nobody names are gone", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const running = await run(broker);
  await answering(running, "hello-web-1");
  await write(broker, routeRemoved("hello.org"));
  await until(
    "it is gone",
    async () => (await running.client.ask()).headers["x-eru-reason"] === "no_such_host",
  );
  expect([...(await running.elb.admin.table()).table.keys()]).toEqual(["g:forward"]);
});

test("heartbeats say what is applied, once a second, and stop with nginx", async () => {
  const broker = new MemoryBroker();
  const seq = await write(broker, helloRoute);
  const listening = new AbortController();
  closers.push(() => listening.abort());
  const beats: { appliedSeq: number; elb: string; bootId: string }[] = [];
  const listen = async () => {
    for await (const { body } of broker.live.subscribe(liveSubjects.elbHeartbeats, listening.signal))
      beats.push(JSON.parse(body));
  };
  void listen();
  const elb = await prepareElb();
  closers.push(elb.stop);
  const running = await run(broker, { elb });
  await ready(running);
  const { bootId, masterPid, workers } = await whole(elb);
  await until("two beats", () => beats.length >= 2);
  expect(beats[1]).toEqual({ elb: "edge", bootId, appliedSeq: seq });
  // Stopped as if it hung: alive, but nobody is served.
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) await freeze(pid);
  await until("it shows", () => running.sync.notReady() !== undefined);
  const count = beats.length;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) send(pid, "SIGCONT");
  expect(beats.length - count).toBeLessThanOrEqual(1);
  await ready(running);
});
