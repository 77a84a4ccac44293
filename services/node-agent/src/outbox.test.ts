import { decodeMessage, type FactEvent, subjects } from "@eru/events";
import { LogUnavailableError } from "@eru/log";
import { MemoryLog } from "@eru/log/memory";
import { createLog } from "@eru/service";
import { expect, test } from "vitest";
import { eventually } from "../test/loop.ts";
import { Outbox } from "./outbox.ts";

const subject = subjects.fact("n1");

function outbox(log: MemoryLog) {
  let ids = 0;
  return new Outbox({
    node: "n1",
    log,
    lastSeq: 0,
    newId: () => `message-${++ids}`,
    time: () => "2026-01-01T00:00:00.000Z",
    logger: createLog("test", "silent"),
  });
}
const unhealthy = (attempt: number, reason = "x"): FactEvent => ({
  type: "ContainerUnhealthy",
  ...{ node: "n1", workload: "w-1", generation: 1, attempt, reason },
});
const failed = (n: number, error: string): FactEvent => ({
  type: "ContainerFailed",
  ...{ node: "n1", workload: `w-${n}`, generation: 1, step: "start", error, attempt: 1 },
});
const waiting = (facts: readonly FactEvent[]) => facts.map((fact) => ({ fact, cause: undefined }));
const stored = async (log: MemoryLog) =>
  (await log.read(subject, 1)).map((message) => decodeMessage(message).map(({ event }) => event));

test("what is there goes into one message, what comes during the append into the next", async () => {
  const log = new MemoryLog();
  const held = Promise.withResolvers<void>();
  const append = log.append.bind(log);
  log.append = async (message) => {
    await held.promise;
    return await append(message);
  };
  const box = outbox(log);
  box.push(waiting([unhealthy(1), unhealthy(2)]));
  const running = box.run();
  await eventually(() => expect(box.size()).toBe(2));
  box.push(waiting([unhealthy(3)]));
  box.push(waiting([unhealthy(4)]));
  held.resolve();
  box.close(1_000);
  await running;
  expect(await stored(log)).toEqual([
    [unhealthy(1), unhealthy(2)],
    [unhealthy(3), unhealthy(4)],
  ]);
});

test("an append whose answer is lost is repeated under the same id, so its facts are there once", async () => {
  const log = new MemoryLog();
  const append = log.append.bind(log);
  const ids: string[] = [];
  log.append = async (message) => {
    ids.push(message.message.meta.id);
    const place = await append(message);
    if (ids.length <= 2) throw new LogUnavailableError("appending", message.message.meta.id);
    return place;
  };
  const box = outbox(log);
  box.push(waiting([unhealthy(1)]));
  const running = box.run();
  await eventually(() => expect(box.size()).toBe(0));
  box.push(waiting([unhealthy(2)]));
  box.close(1_000);
  await running;
  expect(ids).toEqual(["message-1", "message-1", "message-1", "message-2"]);
  expect(await stored(log)).toEqual([[unhealthy(1)], [unhealthy(2)]]);
});

test("messages stay below the size that the log takes", async () => {
  const log = new MemoryLog();
  const box = outbox(log);
  const facts = Array.from({ length: 60 }, (_, n) => failed(n, "e".repeat(8_192)));
  box.push(waiting(facts));
  box.close(1_000);
  await box.run();
  const messages = await stored(log);
  expect(messages.length).toBeGreaterThan(1);
  expect(messages.flat()).toEqual(facts);
});

test("while the log is away only states that later ones have overtaken are dropped", () => {
  const box = outbox(new MemoryLog());
  for (let attempt = 1; attempt <= 20_000; attempt++) box.push(waiting([unhealthy(attempt)]));
  box.push(waiting([failed(1, "no network"), failed(2, "no network")]));
  expect(box.size()).toBeLessThanOrEqual(5_000);
  expect(box.size()).toBeGreaterThanOrEqual(3);
});

test("closing does not wait for a log that never answers", async () => {
  const log = new MemoryLog();
  log.append = () => new Promise(() => {});
  const box = outbox(log);
  box.push(waiting([unhealthy(1)]));
  const running = box.run();
  await eventually(() => expect(box.size()).toBe(1));
  box.close(20);
  await running;
  expect(box.size()).toBe(1);
});
