import { subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, start, wish } from "../fixture.ts";

let api: Running<Broker>;

beforeEach(async () => {
  api = await start();
  await furnish(api);
});
afterEach(() => api.close());

const deploy = (more: object) => api.send("POST", "/v1/deployments", { ...wish, ...more });
const newest = async (deployment: unknown) => {
  const stored = await api.broker.log.read(subjects.deployment("demo", String(deployment)), 1);
  return JSON.parse(stored.at(-1)?.body ?? "").events[0];
};

test("what is absent in a change of turn stays, and null takes the deadline away", async () => {
  const { body } = await deploy({ priority: 70, waitDeadlineMs: 600_000 });
  const ask = (turn: object) => api.send("PUT", `/v1/deployments/${body["deployment"]}/turn`, turn);
  expect((await ask({ priority: 70 })).body).toMatchObject({ changed: false });
  expect((await ask({ priority: 10 })).body).toMatchObject({ changed: true });
  const { payload } = await newest(body["deployment"]);
  expect(payload).toMatchObject({ priority: 10, waitDeadlineMs: 600_000 });
  await ask({ waitDeadlineMs: null });
  expect((await newest(body["deployment"])).payload).not.toHaveProperty("waitDeadlineMs");
});

test.each([
  [{ priority: 101 }, /priority is from 0 to 100/],
  [{ priority: 1.5 }, /priority is a whole number/],
  [{ waitDeadlineMs: 10 }, /set onShortage to refuse/],
  [{ waitDeadlineMs: 60_000, onShortage: "refuse" }, /nothing waits: leave one of the two out/],
  [{ waitDeadlineMs: 60_000, strategy: "each" }, /every node is waited for: leave the deadline out/],
  [{ preempt: true, priority: 0 }, /give a priority above 0, or leave preempt out/],
  [{ preempt: true, strategy: "fill" }, /leave preempt out, or use auto, global or drained/],
  [{ preempt: true, onShortage: "refuse" }, /set onShortage to wait/],
])("a request with %j is refused with what to do", async (turn, text) => {
  const { status, body } = await deploy(turn);
  expect(status).toBe(400);
  expect(JSON.stringify(body)).toMatch(text);
});

test("whether it may displace others is asked for, changed, and refused where nothing is lower", async () => {
  const { body } = await deploy({ priority: 70, preempt: true });
  expect((await newest(body["deployment"])).payload).toMatchObject({ priority: 70, preempt: true });
  const ask = (turn: object) => api.send("PUT", `/v1/deployments/${body["deployment"]}/turn`, turn);
  const lowest = await ask({ priority: 0 });
  expect(lowest.status).toBe(422);
  expect(JSON.stringify(lowest.body)).toMatch(/nothing is lower than priority 0/);
  await ask({ priority: 0, preempt: false });
  expect((await newest(body["deployment"])).payload).toEqual({ deployment: body["deployment"], priority: 0 });
});
