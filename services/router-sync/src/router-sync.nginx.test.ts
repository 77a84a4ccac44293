// What the whole service makes of the log: a real nginx, the log in memory.
import { MemoryBroker } from "@eru/log";
import { afterEach, expect, test } from "vitest";
import { send } from "./nginx-process.ts";
import { assigned, exited, nodeLost, removal, route, routeRemoved, started, stopDecided } from "./testing.ts";
import { Client, openUpgraded } from "./testing-client.ts";
import { reports, reportsOf, write } from "./testing-log.ts";
import { prepareElb, until, whole } from "./testing-nginx.ts";
import { answering, atEnd, backend, endAll, helloRoute, ready, run, up } from "./testing-service.ts";

afterEach(endAll);

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
    {
      ...{ type: "RouteTableApplied", elb: "edge", group: "default", bootId, appliedSeq: seq },
      ...{ changedPools: 0, changedHosts: 0 },
    },
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
  await answering(running, "hello-web-1");
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
  atEnd(() => slow.close());
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
  atEnd(open.close);
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
  atEnd(elb.stop);
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
