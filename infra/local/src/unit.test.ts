import { expect, test } from "vitest";
import { backOffMs, nextStep } from "./unit.ts";

const seen = { runs: false, off: false, afterReady: true, nowMs: 1_000, notBeforeMs: 0 };

test("what does not run is started when what it needs is ready", () => {
  expect(nextStep(seen)).toBe("start");
  expect(nextStep({ ...seen, afterReady: false })).toBe("waiting");
});

test("what runs is left alone, also when what it needs is gone: it reconnects by itself", () => {
  expect(nextStep({ ...seen, runs: true, afterReady: false, notBeforeMs: 9_999 })).toBe("watch");
});

test("a node that a person switched off stays off", () => {
  expect(nextStep({ ...seen, off: true })).toBe("off");
});

test("a restart waits for its time and comes at exactly that time", () => {
  expect(nextStep({ ...seen, notBeforeMs: 1_001 })).toBe("backing-off");
  expect(nextStep({ ...seen, notBeforeMs: 1_000 })).toBe("start");
});

test("the pause before a restart doubles from 0.1 s to 10 s and stays there", () => {
  expect([0, 1, 2, 3, 7, 8, 9, 5_000].map(backOffMs)).toEqual([
    0, 100, 200, 400, 6_400, 10_000, 10_000, 10_000,
  ]);
});
