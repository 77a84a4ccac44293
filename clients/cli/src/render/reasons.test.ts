import type { Reasons } from "@eru/events";
import { expect, test } from "vitest";
import { reasonsText } from "./reasons.ts";
import { painter } from "./text.ts";

const look = { columns: 100, paint: painter(false) };
const reasons: Reasons = {
  policy: "auto/1",
  inputSeq: 812,
  wanted: 3,
  resources: { cpu: 0.1, memoryMib: 32 },
  nodesTotal: 3,
  candidatesTotal: 2,
  scores: [
    { node: "n1", count: 0, capacity: 9, placed: 2 },
    { node: "n2", count: 1, capacity: 8, placed: 1 },
  ],
  rejectedTotals: { memory: 1 },
  rejected: [{ node: "n3", filter: "memory", detail: "memory: 32 MiB wanted, 12 of 512 free" }],
  wouldHelp: [],
};

test("reasons name the amounts, the candidates and each rejection", () => {
  expect(reasonsText(reasons, look)).toBe(`\
asked for 3 workloads of 0.1 cpu, 32M; 3 nodes looked at, 2 could take one (log up to 812, policy auto/1)

NODE  GOT  HAD  ROOM FOR
n1      2    0         9
n2      1    1         8

NOT ON  BECAUSE
n3      memory: 32 MiB wanted, 12 of 512 free

`);
});

test("what was left out of a large decision is counted", () => {
  const rejected = Array.from({ length: 20 }, (_, at) => ({
    node: `n${at}`,
    filter: "cpu" as const,
    detail: "cpu",
  }));
  const text = reasonsText(
    { ...reasons, candidatesTotal: 500, rejectedTotals: { cpu: 300, not_alive: 2 }, rejected },
    look,
  );
  expect(text).toContain("… and 498 more candidates\n");
  expect(text).toContain("… and 290 more nodes (in all: 300 cpu, 2 not alive)\n");
});

test("what would help is said last", () => {
  const text = reasonsText({ ...reasons, scores: [], wouldHelp: ["one more node like n1"] }, look);
  expect(text.trimEnd().split("\n").at(-1)).toBe("would help: one more node like n1");
});

test("how full the nodes were is shown when the strategy looked at it", () => {
  const scores = [
    { node: "n1", count: 0, capacity: 9, placed: 2, usage: 0 },
    { node: "n2", count: 1, capacity: 8, placed: 1, usage: 0.1255 },
  ];
  expect(reasonsText({ ...reasons, scores, rejectedTotals: {}, rejected: [] }, look)).toContain(`
NODE  GOT  HAD  ROOM FOR  WAS FULL
n1      2    0         9        0%
n2      1    1         8     12.6%
`);
});
