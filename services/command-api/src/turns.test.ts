import { expect, test } from "vitest";
import { type Keys, NoTurnError, Turns } from "./turns.ts";

/** Work that records its begin and end and ends when told to. */
function bench(waitMs = 10_000) {
  const turns = new Turns(waitMs);
  const seen: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string, keys: Partial<Keys>) =>
    turns.take({ shared: [], exclusive: [], ...keys }, async () => {
      seen.push(`+${name}`);
      await new Promise<void>((end) => ends.set(name, end));
      seen.push(`-${name}`);
    });
  // A macrotask: every promise that can settle has settled.
  const settle = () => new Promise((done) => setImmediate(done));
  const end = async (name: string) => {
    ends.get(name)?.();
    await settle();
  };
  return { turns, seen, work, end, settle };
}

test("readers of a key share it, a writer waits for them and later readers for the writer", async () => {
  const { turns, seen, work, end, settle } = bench();
  const all = Promise.all([
    work("r1", { shared: ["pod"] }),
    work("r2", { shared: ["pod"] }),
    work("w", { exclusive: ["pod"] }),
    work("r3", { shared: ["pod"] }),
  ]);
  await settle();
  expect(seen).toEqual(["+r1", "+r2"]);
  await end("r1");
  expect(seen).toEqual(["+r1", "+r2", "-r1"]);
  await end("r2");
  expect(seen.at(-1)).toBe("+w");
  await end("w");
  expect(seen.slice(-2)).toEqual(["-w", "+r3"]);
  await end("r3");
  await all;
  expect(turns.size).toBe(0);
});

test("work without a common key runs side by side", async () => {
  const { seen, work, end, settle } = bench();
  const all = Promise.all([work("a", { exclusive: ["n1"] }), work("b", { exclusive: ["n2"] })]);
  await settle();
  expect(seen).toEqual(["+a", "+b"]);
  await end("b");
  await end("a");
  await all;
});

test("a key that is read and written by the same work is written", async () => {
  const { seen, work, end, settle } = bench();
  const all = Promise.all([work("a", { shared: ["k"], exclusive: ["k"] }), work("b", { shared: ["k"] })]);
  await settle();
  expect(seen).toEqual(["+a"]);
  await end("a");
  await end("b");
  await all;
});

test("work over several keys in any order never waits in a circle", async () => {
  const { turns, work, end, settle } = bench();
  const all = Promise.all([
    work("a", { exclusive: ["x", "y"] }),
    work("b", { exclusive: ["y", "x"] }),
    work("c", { shared: ["x"], exclusive: ["y"] }),
  ]);
  for (const name of ["a", "b", "c"]) {
    await settle();
    await end(name);
  }
  await all;
  expect(turns.size).toBe(0);
});

test("work that fails ends its turn and passes its failure on", async () => {
  const { turns, seen, work, end, settle } = bench();
  const failing = turns.take({ shared: [], exclusive: ["k"] }, () => Promise.reject(new Error("no")));
  const next = work("next", { exclusive: ["k"] });
  await expect(failing).rejects.toThrow("no");
  await settle();
  expect(seen).toEqual(["+next"]);
  await end("next");
  await next;
});

test("work may give its result and keep its turn", async () => {
  const { turns, seen, work, end, settle } = bench();
  const applied = Promise.withResolvers<void>();
  const keys = { shared: ["pod"], exclusive: ["node"] };
  expect(
    await turns.take(keys, async (keep) => {
      keep(applied.promise);
      return "recorded";
    }),
  ).toBe("recorded");
  const next = [work("pod", { exclusive: ["pod"] }), work("node", { shared: ["node"] })];
  await settle();
  expect(seen).toEqual([]);
  applied.resolve();
  await settle();
  expect(seen).toEqual(["+pod", "+node"]);
  await end("pod");
  await end("node");
  await Promise.all(next);
  expect(turns.size).toBe(0);
});

test("work whose turn does not come in time is not done, and nobody overtakes through its place", async () => {
  const { turns, seen, work, end, settle } = bench(20);
  const first = work("first", { exclusive: ["k"] });
  await expect(work("late", { exclusive: ["k"] })).rejects.toThrow(NoTurnError);
  const after = work("after", { exclusive: ["k"] });
  await settle();
  expect(seen).toEqual(["+first"]);
  await end("first");
  expect(seen).toEqual(["+first", "-first", "+after"]);
  await end("after");
  await Promise.all([first, after]);
  expect(turns.size).toBe(0);
});
