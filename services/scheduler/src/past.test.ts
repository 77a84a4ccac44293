import { liveSubjects } from "@eru/events";
import type { Page } from "@eru/log";
import { MemoryBroker } from "@eru/log/memory";
import { afterEach, expect, test, vi } from "vitest";
import { emptyZone } from "./domain/zone.ts";
import { Past } from "./past.ts";
import { addNode, append, deploy, start } from "./testkit/running.ts";

const running: ReturnType<typeof start>[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
});
const until = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 10 });
const never = new AbortController().signal;

test("why not is answered for now and for any time in the log, and the live zone stays as it is", async () => {
  const broker = new MemoryBroker();
  await addNode(broker.log, "n1", 4);
  await append(broker.log, "eru.node.n1", { type: "NodeCordoned", node: "n1", reason: "disk" });
  const asked = await deploy(broker.log, "shop-web-a", 1);
  const uncordoned = await append(broker.log, "eru.node.n1", { type: "NodeUncordoned", node: "n1" });
  const scheduler = start(broker);
  running.push(scheduler);
  await until(() => expect(scheduler.core.zone.workloads.size).toBe(1));
  const { zone } = scheduler.core;
  const ask = async (atSeq?: number) => {
    const whyNot = { node: "n1", deployment: "shop-web-a", ...(atSeq !== undefined && { atSeq }) };
    return JSON.parse(await broker.live.request(liveSubjects.plan, JSON.stringify({ whyNot }), 5_000));
  };
  expect(await ask()).toMatchObject({ atSeq: zone.seq, there: 1, standing: { rank: 1 } });
  expect(await ask(asked)).toMatchObject({
    atSeq: asked,
    there: 0,
    missing: 1,
    rejections: [{ filter: "cordoned", detail: "cordoned: disk" }],
  });
  expect(await ask(uncordoned)).toMatchObject({ atSeq: uncordoned, there: 0, standing: { rank: 1 } });
  expect(await ask(asked - 1)).toMatchObject({ code: "deployment_unknown" });
  expect(await ask(zone.seq + 1)).toMatchObject({ code: "seq_unknown" });
  expect(scheduler.core.zone.workloads.size).toBe(1);
});

/** A log that gives one message a page and, after `upTo`, nothing for as long as it is followed. */
const slowLog = (upTo: () => number, froms: number[]) => ({
  async *follow({ fromSeq, signal }: { fromSeq: number; signal: AbortSignal }): AsyncGenerator<Page> {
    froms.push(fromSeq);
    for (let seq = fromSeq; seq <= upTo(); seq++)
      yield { messages: [{ subject: "eru.user.a", seq, messageId: `m${seq}`, body: "" }], head: false };
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  },
});

const restore = async () => undefined;

test("a question begins at a snapshot from before its time, and never at one from after it", async () => {
  const froms: number[] = [];
  const snapshot = async (seqMax: number) => (seqMax < 4 ? undefined : { ...emptyZone(), seq: 4 });
  const past = new Past({ log: slowLog(() => 9, froms), now: () => 0, restore: snapshot });
  const seqOf = (at: number) => past.at(at, never, ({ seq }) => seq);
  expect(await seqOf(6)).toBe(6);
  expect(await seqOf(3)).toBe(3);
  expect(await seqOf(4)).toBe(4);
  expect(froms).toEqual([5, 1, 4]);
});

test("a log too long for one question is read on by the next, from where it got to", async () => {
  let most = 3;
  const froms: number[] = [];
  const past = new Past({ log: slowLog(() => most, froms), now: () => 0, restore });
  const seqOf = (at: number) => past.at(at, never, ({ seq }) => seq, 50);
  expect(await seqOf(6)).toMatchObject({ error: expect.stringContaining("up to sequence 3 of 6 (50 %)") });
  most = 9;
  expect(await seqOf(6)).toBe(6);
  expect(await seqOf(8)).toBe(8);
  expect(await seqOf(2)).toBe(2); // Earlier: from the beginning.
  expect(froms).toEqual([1, 4, 7, 1]);
});

test("one question about the past is read for at a time, and a zone nobody asks about is forgotten", async () => {
  let now = 0;
  const froms: number[] = [];
  const past = new Past({ log: slowLog(() => 5, froms), now: () => now, restore });
  const seqOf = (at: number) => past.at(at, never, ({ seq }) => seq, 5_000);
  const first = seqOf(5);
  expect(await seqOf(5)).toMatchObject({ error: expect.stringContaining("another question") });
  expect(await first).toBe(5);
  past.forget();
  expect(await seqOf(5)).toBe(5);
  now = 60_001;
  past.forget();
  expect(await seqOf(5)).toBe(5);
  expect(froms).toEqual([1, 1]);
});
