import type { PlanReply } from "@eru/events";
import { expect, test } from "vitest";
import { planDifference } from "./plan-difference.ts";

const reply = (
  placed: [string, number][],
  waiting = 0,
  reasons: Partial<PlanReply["reasons"]> = {},
): PlanReply => ({
  atSeq: 9,
  placed: placed.map(([node, count]) => ({ node, count })),
  waiting,
  reasons: {
    policy: "auto-1",
    inputSeq: 9,
    wanted: 3,
    resources: { cpu: 1, memoryMib: 1 },
    nodesTotal: 3,
    candidatesTotal: 2,
    scores: [{ node: "n3", count: 0, capacity: 4, placed: 1 }],
    rejectedTotals: {},
    rejected: [],
    wouldHelp: [],
    ...reasons,
  },
});

test("the same placement at a later sequence is no difference, whatever order it is told in", () => {
  const then = {
    ...reply([
      ["n2", 1],
      ["n1", 2],
    ]),
    atSeq: 4,
  };
  expect(
    planDifference(
      then,
      reply([
        ["n1", 2],
        ["n2", 1],
      ]),
    ),
  ).toEqual([]);
});

test("nodes that get more or less are told with their reasons, and so is what waits", () => {
  const rejected = [{ node: "n1", filter: "cpu" as const, detail: "cpu: 1 wanted, 0 of 2 free" }];
  const now = reply(
    [
      ["n2", 1],
      ["n3", 1],
    ],
    1,
    { rejected, wouldHelp: ["free 1 core on n1"] },
  );
  expect(
    planDifference(
      reply([
        ["n1", 2],
        ["n2", 1],
      ]),
      now,
    ),
  ).toEqual([
    { what: "n1", field: "expect.placed.n1", planned: 2, now: 0, because: "cpu: 1 wanted, 0 of 2 free" },
    {
      what: "n3",
      field: "expect.placed.n3",
      planned: 0,
      now: 1,
      because: "it has 0 of this entrypoint and room for 4",
    },
    {
      what: "waiting",
      field: "expect.waiting",
      planned: 0,
      now: 1,
      because: "would help: free 1 core on n1",
    },
  ]);
});

test("a plan from beyond the end of the log is for another zone", () => {
  expect(planDifference({ ...reply([["n1", 2]]), atSeq: 10 }, reply([["n1", 2]]))).toMatchObject([
    { what: "sequence", planned: 10, now: 9, because: expect.stringContaining("another zone") },
  ]);
});

test("others that would have to go are a difference, and the same ones are none", () => {
  const victim = (workload: string) => ({
    workload,
    deployment: "shop-web-aaaaaa",
    priority: 10,
    placedSeq: 3,
  });
  const now: PlanReply = {
    ...reply([], 1),
    preemption: {
      ...{ policy: "preempt-1", inputSeq: 9, priority: 80, wanted: 1, freeing: 0, runnersUp: [] },
      places: [{ node: "n1", count: 1, victims: [victim("shop-web-aaaaaa-2"), victim("shop-web-aaaaaa-1")] }],
      ...{ nodesTotal: 1, candidatesTotal: 1, examined: 1 },
    },
  };
  const expected = { ...reply([], 1), displaced: ["shop-web-aaaaaa-1", "shop-web-aaaaaa-2"] };
  expect(planDifference(expected, now)).toEqual([]);
  expect(planDifference(reply([], 1), now)).toMatchObject([
    { field: "expect.displaced", planned: "nobody", now: "shop-web-aaaaaa-1, shop-web-aaaaaa-2" },
  ]);
});
