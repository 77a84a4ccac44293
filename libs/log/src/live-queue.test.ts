import { expect, test } from "vitest";
import { LiveQueue } from "./live-queue.ts";
import { liveBacklogMax } from "./log.ts";

test("a queue that nobody reads does not grow without end, and keeps the newest", async () => {
  const queue = new LiveQueue();
  for (let index = 0; index < 10 * liveBacklogMax; index++) queue.push({ subject: "s", body: String(index) });
  expect(queue.waiting).toBeLessThanOrEqual(2 * liveBacklogMax);
  const stop = new AbortController();
  let count = 0;
  for await (const { body } of queue.drain(stop.signal)) {
    expect(body).toBe(String(9 * liveBacklogMax + count++));
    if (count === liveBacklogMax) stop.abort();
  }
  expect(count).toBe(liveBacklogMax);
});

test("what waits is read before a failure is thrown", async () => {
  const queue = new LiveQueue();
  queue.push({ subject: "s", body: "last words" });
  queue.fail(new Error("refused"));
  const messages = queue.drain(new AbortController().signal);
  expect(await messages.next()).toMatchObject({ value: { body: "last words" } });
  await expect(messages.next()).rejects.toThrow("refused");
});
