import { expect, test } from "vitest";
import { Wake } from "./wake.ts";

test("a raise while nobody waits is remembered, once", async () => {
  const wake = new Wake();
  wake.raise();
  wake.raise();
  await wake.next();
  let woken = false;
  const waiting = wake.next().then(() => {
    woken = true;
  });
  await new Promise(setImmediate);
  expect(woken).toBe(false);
  wake.raise();
  await waiting;
  expect(woken).toBe(true);
});

test("waiting ends with the signal, with the limit, and at once when the signal has aborted before", async () => {
  const stop = new AbortController();
  const wake = new Wake();
  const waiting = wake.next(stop.signal);
  stop.abort();
  await waiting;
  await wake.next(stop.signal);
  await wake.next(undefined, 1);
  await wake.next(undefined, -1);
});
