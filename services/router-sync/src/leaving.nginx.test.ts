// How a load balancer leaves and joins, and what it says of itself.
import { readFile, writeFile } from "node:fs/promises";
import { ElbHeartbeat, liveSubjects } from "@eru/events";
import { LogUnavailableError, MemoryBroker } from "@eru/log";
import { afterEach, expect, test } from "vitest";
import { isRunning } from "./nginx-process.ts";
import { removal, route } from "./testing.ts";
import { write } from "./testing-log.ts";
import { prepareElb, until } from "./testing-nginx.ts";
import { answering, atEnd, backend, endAll, helloRoute, ready, run, up } from "./testing-service.ts";

afterEach(endAll);

/** What a load balancer says, as long as the test runs. */
function heard(broker: MemoryBroker): ElbHeartbeat[] {
  const listening = new AbortController();
  atEnd(() => listening.abort());
  const beats: ElbHeartbeat[] = [];
  const listen = async () => {
    for await (const { body } of broker.live.subscribe(liveSubjects.elbHeartbeats, listening.signal))
      beats.push(ElbHeartbeat.parse(JSON.parse(body)));
  };
  void listen();
  return beats;
}

test("told to leave, it is not ready but serves on, then nginx ends, and its last words are that it is gone", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const beats = heard(broker);
  const running = await run(broker, { onStop: "quit", leaveWaitMs: 2_500 });
  await answering(running, "hello-web-1");
  await until("it is live", () => beats.length > 0);
  const { masterPid } = await running.elb.admin.status();
  const stopped = running.stop();
  await until("it is not ready", () => running.sync.notReady()?.includes("leaves"));
  await until("it says so", () => beats.at(-1)?.status?.leaving === true);
  expect(beats.at(-1)?.gone).toBeUndefined();
  // Whoever still sends is served, by the newest table: barriers go on waiting for it.
  await answering(running, "hello-web-1");
  const seq = await write(broker, route("late.org", "/ hello/web"));
  await until("what comes late is applied", () => (beats.at(-1)?.appliedSeq ?? 0) >= seq);
  expect(await isRunning(masterPid)).toBe(true);
  await stopped;
  expect(await isRunning(masterPid)).toBe(false);
  expect(beats.at(-1)).toMatchObject({ elb: "edge", gone: true });
  expect(beats.filter(({ gone }) => gone)).toHaveLength(1);
});

test("told to leave by an operator, it serves out, is waited for by nobody, and stays away until it is told to join", async () => {
  const broker = new MemoryBroker();
  let release = () => {};
  const slow = await backend("hello-web-1", (incoming, response, seen) => {
    if (incoming.url === "/slow") release = () => response.end(JSON.stringify(seen));
    else response.end(JSON.stringify(seen));
  });
  await write(broker, helloRoute, ...up(slow));
  const beats = heard(broker);
  const elb = await prepareElb();
  atEnd(elb.stop);
  const first = await run(broker, { elb, leaveWaitMs: 500 });
  await answering(first, "hello-web-1");
  const asked = first.client.ask({ path: "/slow" });
  await until("the request is there", () => slow.requests() > 1);
  await write(
    broker,
    { type: "ElbLeaveRequested", elb: "edge" },
    { type: "ElbLeaveRequested", elb: "other" },
  );
  await until("it is not ready", () => first.sync.notReady()?.includes("an operator told"));
  await until("it says so", () => beats.at(-1)?.status?.leaving);
  // As long as a request is under way, drains wait for this load balancer.
  const beat = beats.length;
  await until("it waits", () => beats.length > beat + 1);
  expect(beats.at(-1)?.left).toBeUndefined();
  release();
  expect((await asked).seen?.id).toBe("hello-web-1");
  await until("it has left", () => beats.at(-1)?.left);
  // Whoever still comes is served, by the newest table.
  await answering(first, "hello-web-1");
  const seq = await write(broker, route("late.org", "/ hello/web"));
  await until("what comes late is applied", () => (beats.at(-1)?.appliedSeq ?? 0) >= seq);
  await first.stop();

  // Started anew, also without the log, it stays away.
  const alone = await run(broker, {
    elb,
    connect: () => Promise.reject(new LogUnavailableError("connecting")),
  });
  await until("it stays away", () => alone.sync.notReady()?.includes("an operator told"));
  await alone.stop();
  beats.length = 0;
  const second = await run(broker, { elb });
  await until("it has left again", () => beats.at(-1)?.left);
  expect(second.sync.notReady()).toContain("an operator told");

  await write(broker, { type: "ElbJoinRequested", elb: "edge" });
  await ready(second);
  await until("it is waited for again", () => beats.at(-1)?.left === undefined);
  await second.stop();
  const third = await run(broker, { elb });
  await ready(third);
});

test("one that leaves nginx to the next says nothing of leaving", async () => {
  const broker = new MemoryBroker();
  const beats = heard(broker);
  const running = await run(broker, { onStop: "keep", leaveWaitMs: 60_000 });
  await until("it is live", () => beats.length > 0);
  await running.stop();
  expect(beats.some(({ gone, status }) => gone || status?.leaving)).toBe(false);
});

test("joining, it says nothing before nginx has the whole table of the log", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  const seq = await write(broker, helloRoute, ...up(one));
  const beats = heard(broker);
  const running = await run(broker);
  await until("it is live", () => beats.length > 0);
  expect(beats[0]?.appliedSeq).toBe(seq);
  expect((await running.client.ask()).seen?.id).toBe("hello-web-1");
});

test("a boot file that was cut is not served by: nginx stays away, and the log's table takes its place", async () => {
  const broker = new MemoryBroker();
  const one = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(one));
  const first = await run(broker, { onStop: "quit" });
  await answering(first, "hello-web-1");
  await first.stop();
  const { elb } = first;
  const text = await readFile(elb.nginx.bootFile, "utf8");
  await writeFile(elb.nginx.bootFile, text.slice(0, Math.floor(text.length * 0.7)));
  const connect = () => Promise.reject(new LogUnavailableError("connecting"));
  const running = await run(broker, { elb, connect });
  await until("nginx refuses it", () => running.sync.notReady()?.includes("boot file"));
  expect(await running.client.ask().catch(() => "refused")).toBe("refused");
  await running.stop();
  const second = await run(broker, { elb });
  await answering(second, "hello-web-1");
});

test("it says which drains are under way with what is in flight, and which endpoints it leaves out", async () => {
  const broker = new MemoryBroker();
  let release = () => {};
  const slow = await backend("hello-web-1", (_request, response, seen) => {
    release = () => response.end(JSON.stringify(seen));
  });
  await write(broker, helloRoute, ...up(slow));
  const beats = heard(broker);
  const elb = await prepareElb();
  atEnd(elb.stop);
  const running = await run(broker, { elb });
  await ready(running);
  await until("it is live", () => beats.length > 0);
  const asked = running.client.ask();
  await until("the request is there", () => slow.requests() > 0);
  await write(broker, removal("hello-web-1"));
  const said = await until(
    "the drain shows",
    () => beats.at(-1)?.status?.drains[0]?.inFlight === 1 && beats.at(-1),
  );
  expect(said.status).toMatchObject({
    ...{ leaving: false, stale: false, drainsTotal: 1, rejectedTotal: 0, leftOutTotal: 0 },
    drains: [{ workload: "hello-web-1", inFlight: 1 }],
  });
  expect(said.status?.workers.every(({ exiting }) => !exiting)).toBe(true);
  release();
  expect((await asked).seen?.id).toBe("hello-web-1");
  await until("it is over", () => beats.at(-1)?.status?.drainsTotal === 0);
  const [alive, dying] = [await backend("hello-web-2"), await backend("hello-web-3")];
  await write(broker, ...up(alive), ...up(dying));
  await answering(running, "hello-web-3");
  await dying.stop();
  const without = await until("the dead one is left out", async () => {
    expect((await running.client.ask()).seen?.id).toBe("hello-web-2");
    const status = beats.at(-1)?.status;
    return status?.leftOutTotal === 1 && status;
  });
  expect(without.leftOut).toMatchObject([{ endpoint: "hello-web-3", because: "failures" }]);
});
