import { type NatsServer, startNatsServer, startTcpProxy } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { quickLease } from "../contract/jetstream-setting.ts";
import { fresh, waitFor } from "../contract/kit.ts";
import { connectBroker } from "./broker.ts";
import { leaseTimesDefault } from "./lease.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await startNatsServer();
  await (await connect({ ensureStreams: true })).close();
});
afterAll(() => server.stop());

const connect = (more: object = {}) =>
  connectBroker({ servers: [server.url], name: "test", leaseTimes: quickLease, ...more });

test("the usual times leave a holder room for a leader change, and end before the server's", () => {
  const { ttlMs, renewEveryMs, sureMs } = leaseTimesDefault;
  expect([ttlMs, renewEveryMs, sureMs]).toEqual([15_000, 4_000, 10_000]);
});

test("a lease is renewed beyond its time", async () => {
  const [holder, waiter] = [await connect(), await connect()];
  const [stop, name] = [new AbortController(), fresh("lease")];
  const held = await holder.lease.acquire(name, stop.signal);
  let taken = false;
  const waiting = waiter.lease.acquire(name, stop.signal).then((signal) => {
    taken = !signal.aborted;
  });
  const since = performance.now();
  await waitFor(() => performance.now() - since > 1.5 * quickLease.ttlMs);
  expect([held.aborted, taken]).toEqual([false, false]);
  stop.abort();
  await waiting;
  await Promise.all([holder.close(), waiter.close()]);
});

test("a holder that is cut off stops by its own clock before another one holds", async () => {
  const proxy = await startTcpProxy(server.port);
  const cutOff = await connect({ servers: [`127.0.0.1:${proxy.port}`] });
  const other = await connect();
  const [stop, name] = [new AbortController(), fresh("lease")];
  const held = await cutOff.lease.acquire(name, stop.signal);
  const heldAtMs = performance.now();
  let stoppedAtMs = 0;
  held.addEventListener("abort", () => {
    stoppedAtMs = performance.now();
  });
  proxy.pull();
  const next = await other.lease.acquire(name, stop.signal);
  const takenAtMs = performance.now();
  expect(next.aborted).toBe(false);
  expect(held.aborted).toBe(true);
  expect(stoppedAtMs).toBeLessThan(takenAtMs);
  expect(stoppedAtMs - heldAtMs).toBeGreaterThan(quickLease.sureMs - 100);
  expect(takenAtMs - heldAtMs).toBeGreaterThan(quickLease.ttlMs - 1_000);
  proxy.heal();
  stop.abort();
  await Promise.all([cutOff.close(), other.close()]);
  await proxy.stop();
});

test("a process that closes gives its lease back at once", async () => {
  const leaseTimes = leaseTimesDefault;
  const [first, second] = [await connect({ leaseTimes }), await connect({ leaseTimes })];
  const [stop, name] = [new AbortController(), fresh("lease")];
  const held = await first.lease.acquire(name, stop.signal);
  await first.close();
  expect(held.aborted).toBe(true);
  const since = performance.now();
  expect((await second.lease.acquire(name, stop.signal)).aborted).toBe(false);
  expect(performance.now() - since).toBeLessThan(leaseTimes.ttlMs / 2);
  stop.abort();
  await second.close();
});

test("a holder survives a restart of the server that is shorter than its lease", async () => {
  const holder = await connect();
  const [stop, name] = [new AbortController(), fresh("lease")];
  const held = await holder.lease.acquire(name, stop.signal);
  await server.kill9();
  await server.restart();
  const since = performance.now();
  await waitFor(() => performance.now() - since > 1.5 * quickLease.ttlMs);
  expect(held.aborted).toBe(false);
  stop.abort();
  await holder.close();
});
