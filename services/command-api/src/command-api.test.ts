import { createServer } from "node:net";
import { decodeMessage, subjects, UnreadableEventError } from "@eru/events";
import { MemoryBroker } from "@eru/log";
import { createLog, createMetrics, hashToken } from "@eru/service";
import { expect, test } from "vitest";
import { runCommandApi } from "./command-api.ts";
import { withLog } from "./fixture.ts";

type Line = { msg: string; port?: number; how?: string };

/** A process's worth of command-api on a free port, and what it says. */
function run(broker = new MemoryBroker(), more: { port?: number; adminTokenHash?: string } = {}) {
  const stop = new AbortController();
  const said: Line[] = [];
  const waiting: (() => void)[] = [];
  const write = (text: string): void => {
    said.push(JSON.parse(text));
    for (const wake of waiting.splice(0)) wake();
  };
  const ended = runCommandApi({
    broker,
    host: "127.0.0.1",
    port: 0,
    limits: { ratePerSecond: 100, inFlightMax: 10, planTimeoutMs: 100, waitMs: 1_000 },
    metrics: createMetrics("command-api"),
    log: createLog("command-api", "info", { write }),
    signal: stop.signal,
    ...more,
  });
  const hears = async (msg: string): Promise<Line> => {
    for (;;) {
      const line = said.find((one) => one.msg === msg);
      if (line) return line;
      await Promise.race([new Promise<void>((wake) => waiting.push(wake)), ended]);
    }
  };
  return { ended, hears, stop: () => stop.abort("test") };
}

test("it serves until told to stop, and lets the admin in with the token of its configuration", async () => {
  const broker = new MemoryBroker();
  const api = run(broker, { adminTokenHash: hashToken("secret") });
  await api.hears("running");
  const { port } = await api.hears("listening");
  const answer = await fetch(`http://127.0.0.1:${port}/v1/pods`, {
    method: "POST",
    headers: { authorization: "Bearer secret", "content-type": "application/json" },
    body: '{"name": "demo"}',
  });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ pod: "demo" });
  api.stop();
  await api.ended;
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  const history = (await broker.log.read(subjects.user("admin"), 1)).flatMap(decodeMessage);
  expect(history.map(({ event }) => event)).toEqual([
    { type: "UserAdded", user: "admin" },
    { type: "TokenIssued", user: "admin", tokenHash: hashToken("secret") },
  ]);
  expect(history[0]?.meta.actor).toBe("command-api");
});

test("the admin's token is recorded once, however many processes start", async () => {
  const broker = new MemoryBroker();
  const all = [1, 2, 3].map(() => run(broker, { adminTokenHash: hashToken("secret") }));
  for (const api of all) await api.hears("running");
  for (const api of all) api.stop();
  await Promise.all(all.map(({ ended }) => ended));
  expect(await broker.log.read(subjects.user("admin"), 1)).toHaveLength(1);
});

test("without a token in its configuration nobody is let in", async () => {
  const broker = new MemoryBroker();
  const api = run(broker);
  await api.hears("running");
  api.stop();
  await api.ended;
  expect(await broker.log.lastSeq()).toBe(0);
});

test("it tells until the log takes the admin's token, and stops when told to meanwhile", async () => {
  const broker = new MemoryBroker();
  broker.log.setCapacity(0);
  const api = run(broker, { adminTokenHash: hashToken("secret") });
  await api.hears("the admin token is not recorded yet");
  const { port } = await api.hears("listening");
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  expect(await (await ask("/readyz")).json()).toMatchObject({
    reason: "the admin token is not recorded yet",
  });
  const early = await fetch(`http://127.0.0.1:${port}/v1/pods/x`, {
    method: "DELETE",
    headers: { authorization: "Bearer secret" },
  });
  expect(early.status, "its token is not called unknown").toBe(503);
  broker.log.setCapacity(10);
  await api.hears("running");
  expect((await ask("/readyz")).status).toBe(200);
  api.stop();
  await api.ended;
  const full = new MemoryBroker();
  full.log.setCapacity(0);
  const stuck = run(full, { adminTokenHash: hashToken("secret") });
  await stuck.hears("the admin token is not recorded yet");
  stuck.stop();
  await stuck.ended;
});

test("a message that it cannot read ends it, by name: deciding without it would be wrong", async () => {
  const broker = new MemoryBroker();
  const body = JSON.stringify({
    id: "x",
    time: "2026-01-01T00:00:00Z",
    actor: "tomorrow",
    events: [{ type: "PodPainted", v: 1, correlationId: "x", causationId: "x", payload: {} }],
  });
  const poisoned = withLog(broker, {
    follow: async function* () {
      yield { messages: [{ subject: "eru.pod.demo", seq: 1, messageId: "x", body }], head: true };
    },
  });
  const { ended } = run(poisoned as unknown as MemoryBroker);
  await expect(ended).rejects.toThrow(UnreadableEventError);
  await expect(ended).rejects.toThrow("eru.pod.demo at sequence 1");
});

test("a port that is taken ends it with the reason", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => taken.once("listening", listening));
  const address = taken.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await expect(run(new MemoryBroker(), { port }).ended).rejects.toThrow(/EADDRINUSE.*127.0.0.1/);
  await new Promise((closed) => taken.close(closed));
});
