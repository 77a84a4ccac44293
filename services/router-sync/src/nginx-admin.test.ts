import { expect, test } from "vitest";
import { bootText, chunksOf } from "./nginx-admin.ts";

const lines = (count: number, jsonLength: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `p:a/w${index}`, json: "x".repeat(jsonLength) }));

test("chunks hold at most 100 lines and 2 MiB, in order, and nothing is lost", () => {
  for (const [count, length, chunks] of [
    [0, 1, 0],
    [100, 10, 1],
    [101, 10, 2],
    [30, 250_000, 4],
  ] as const) {
    const all = chunksOf(lines(count, length));
    expect(all).toHaveLength(chunks);
    for (const chunk of all) expect(chunk.length).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(all.join("").split("\n").filter(Boolean)).toHaveLength(count);
  }
});

test("a boot file names its table, its length and its hash", () => {
  const [head, ...rest] = bootText({ epoch: "e1", seq: 7 }, new Map([["r:*", "{}"]])).split("\n");
  expect(JSON.parse(head ?? "")).toEqual({
    epoch: "e1",
    seq: 7,
    count: 1,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(rest).toEqual(["+\tr:*\t{}", ""]);
});
