import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { fresh, toPod } from "./contract/kit.ts";
import { logContract } from "./contract.ts";
import { ConflictError, LogUnavailableError } from "./errors.ts";
import { duplicateWindowMs } from "./log.ts";
import { MemoryBroker, MemoryLog } from "./memory-log.ts";

logContract("in memory", async () => {
  const broker = new MemoryBroker();
  return {
    broker,
    other: broker,
    restricted: broker,
    loseAnswers: async () => broker.log.loseAnswers(true),
    findAnswers: async () => broker.log.loseAnswers(false),
    fill: async () => broker.log.setCapacity(await broker.log.lastSeq()),
    makeRoom: async () => broker.log.setCapacity(Number.POSITIVE_INFINITY),
    outage: async () => {
      broker.setReachable(false);
      await sleep(20); // As long as a restart takes: its users run into it.
      broker.setReachable(true);
    },
    expireLease: async (name) => broker.lease.expire(name),
    close: () => broker.close(),
  };
});

test("a message id is forgotten after the duplicate window, by the clock that was given", async () => {
  let nowMs = 0;
  const log = new MemoryLog({ clock: () => nowMs });
  const append = toPod(fresh("pod"), "a");
  await log.append(append);
  nowMs = duplicateWindowMs - 1;
  expect(await log.append(append)).toEqual({ seq: 1, duplicate: true });
  nowMs = duplicateWindowMs;
  expect(await log.append(append)).toEqual({ seq: 2, duplicate: false });
});

test("with an expectation a repeated id is known for ever", async () => {
  let nowMs = 0;
  const log = new MemoryLog({ clock: () => nowMs });
  const append = toPod(fresh("pod"), "a", 0);
  await log.append(append);
  nowMs = 2 * duplicateWindowMs;
  expect(await log.append(append)).toEqual({ seq: 1, duplicate: true });
  await expect(log.append({ ...append, expectedLastSeq: 7 })).rejects.toThrow(ConflictError);
});

test("an unreachable broker answers nothing and delivers nothing until it is back", async () => {
  const broker = new MemoryBroker();
  const stop = new AbortController();
  const heard: string[] = [];
  const listen = async () => {
    for await (const { body } of broker.live.subscribe("eru-live.x", stop.signal)) heard.push(body);
  };
  const listening = listen();
  broker.setReachable(false);
  expect(broker.connected()).toBe(false);
  await expect(broker.log.append(toPod(fresh("pod"), "a"))).rejects.toThrow(LogUnavailableError);
  await expect(broker.log.read("eru.pod.a", 1)).rejects.toThrow(LogUnavailableError);
  await expect(broker.log.lastSeq()).rejects.toThrow(LogUnavailableError);
  await expect(broker.live.request("eru-live.x", "", 1)).rejects.toThrow(LogUnavailableError);
  broker.live.publish("eru-live.x", "lost");
  broker.setReachable(true);
  broker.live.publish("eru-live.x", "heard");
  expect(await broker.log.lastSeq()).toBe(0);
  stop.abort();
  await listening;
  expect(heard).toEqual(["heard"]);
});

test("two runs of the same appends are the same log", async () => {
  const run = async () => {
    const log = new MemoryLog();
    await Promise.allSettled(
      [toPod("p", "a", 0), toPod("p", "b", 0), toPod("q", "c")].map((one) => log.append(one)),
    );
    return [...(await log.read("eru.pod.p", 1)), ...(await log.read("eru.pod.q", 1)), await log.epoch()];
  };
  expect(await run()).toEqual(await run());
});
