import { expect, test } from "vitest";
import { Signals } from "./signals.ts";

test("a raise wakes all who wait, once", async () => {
  const signals = new Signals();
  const woken = Promise.all([signals.next(), signals.next()]);
  expect(signals.waiting).toBe(2);
  signals.raise();
  await woken;
  expect(signals.waiting).toBe(0);
});

test("who gives up is woken, and nothing of them is kept", async () => {
  const signals = new Signals();
  const stop = new AbortController();
  const waiting = signals.next(stop.signal);
  expect(signals.waiting).toBe(1);
  stop.abort();
  await waiting;
  expect(signals.waiting).toBe(0);
  await signals.next(stop.signal);
  expect(signals.waiting).toBe(0);
});

test("who waits again while being woken waits for the next raise", async () => {
  const signals = new Signals();
  let wakings = 0;
  const run = async (): Promise<void> => {
    for (; wakings < 2; wakings++) await signals.next();
  };
  const running = run();
  signals.raise();
  await Promise.resolve();
  expect(wakings).toBe(1);
  signals.raise();
  await running;
});
