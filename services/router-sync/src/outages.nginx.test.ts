// What the whole service does while something is down: nginx, itself, the log.
import { liveSubjects } from "@eru/events";
import { LogUnavailableError, MemoryBroker } from "@eru/log";
import { afterEach, expect, test } from "vitest";
import { bootText } from "./nginx-admin.ts";
import { isRunning, send } from "./nginx-process.ts";
import { exited, removal } from "./testing.ts";
import { Client } from "./testing-client.ts";
import { reportsOf, write } from "./testing-log.ts";
import { freeze, prepareElb, tableOf, until, whole } from "./testing-nginx.ts";
import { answering, atEnd, backend, endAll, helloRoute, ready, run, up } from "./testing-service.ts";

afterEach(endAll);

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
  atEnd(() => fresh.close());
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
  atEnd(elb.stop);
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

test("heartbeats say what is applied, once a second, and stop with nginx", async () => {
  const broker = new MemoryBroker();
  const seq = await write(broker, helloRoute);
  const listening = new AbortController();
  atEnd(() => listening.abort());
  const beats: { appliedSeq: number; elb: string; bootId: string }[] = [];
  const listen = async () => {
    for await (const { body } of broker.live.subscribe(liveSubjects.elbHeartbeats, listening.signal))
      beats.push(JSON.parse(body));
  };
  void listen();
  const elb = await prepareElb();
  atEnd(elb.stop);
  const running = await run(broker, { elb });
  await ready(running);
  const { bootId, masterPid, workers } = await whole(elb);
  await until("two beats", () => beats.length >= 2);
  expect(beats[1]).toMatchObject({ elb: "edge", bootId, appliedSeq: seq, group: "default" });
  // Stopped as if it hung: alive, but nobody is served.
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) await freeze(pid);
  await until("it shows", () => running.sync.notReady() !== undefined);
  const count = beats.length;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) send(pid, "SIGCONT");
  expect(beats.length - count).toBeLessThanOrEqual(1);
  await ready(running);
});
