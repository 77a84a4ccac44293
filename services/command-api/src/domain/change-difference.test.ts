import type { DrainPlanReply, UpgradePlanReply } from "@eru/events";
import { expect, test } from "vitest";
import { drainDifference, upgradeDifference } from "./change-difference.ts";

const reasons: UpgradePlanReply["reasons"] = {
  ...{ policy: "auto-1", inputSeq: 9, wanted: 1, resources: { cpu: 1, memoryMib: 1 } },
  ...{ nodesTotal: 2, candidatesTotal: 1, scores: [], rejectedTotals: { cordoned: 1 } },
  rejected: [{ node: "n1", filter: "cordoned", detail: "cordoned: disk" }],
  wouldHelp: ["uncordon n1"],
};
const upgrade: UpgradePlanReply = {
  ...{ atSeq: 9, deployment: "shop-web-a", workloads: 3, how: "at most 1 more than wished" },
  ...{ release: "v2", from: { release: "v1", seq: 4 }, waiting: 0, reasons, risks: [] },
  placed: [{ node: "n1", count: 1 }],
};
const drain = (...deployments: Partial<DrainPlanReply["deployments"][number]>[]): DrainPlanReply => ({
  ...{ atSeq: 9, node: "n9", liveness: "alive", deploymentsTotal: deployments.length },
  deployments: deployments.map((one) => ({
    ...{ deployment: "shop-web-a", workloads: 2, placed: [{ node: "n1", count: 2 }], stuck: 0, reasons },
    ...one,
  })),
});
const words = (changes: ReturnType<typeof drainDifference>) =>
  changes.map(({ what, planned, now, because }) => [what, planned, now, because]);

test("an upgrade and a drain that would go as planned are no difference at a later sequence", () => {
  expect(upgradeDifference({ ...upgrade, atSeq: 4 }, upgrade)).toEqual([]);
  expect(drainDifference({ ...drain({}), atSeq: 4 }, drain({}))).toEqual([]);
});

test("an upgrade that rests on another release, number, room or risk is told so, with reasons", () => {
  const risk = { reason: "no_elb" as const, detail: "no load balancer is alive" };
  const now: UpgradePlanReply = {
    ...upgrade,
    ...{ workloads: 4, how: "stop-first, 1 at a time", placed: [], waiting: 1, risks: [risk] },
    from: { release: "v3", seq: 8 },
  };
  expect(words(upgradeDifference(upgrade, now))).toEqual([
    ["what runs", "v1 of sequence 4", "v3 of sequence 8", "it was upgraded meanwhile"],
    ["workloads to replace", 3, 4, ""],
    ["how", "at most 1 more than wished", "stop-first, 1 at a time", ""],
    ["n1", 1, 0, "cordoned: disk"],
    ["waiting", 0, 1, "would help: uncordon n1"],
    ["risk", "none", "no_elb", "no load balancer is alive"],
  ]);
  expect(upgradeDifference({ ...upgrade, risks: [risk] }, upgrade)).toEqual([]);
});

test("a drain is told otherwise per deployment: what is there, where it goes, what stays", () => {
  const now = drain(
    { workloads: 3, placed: [{ node: "n2", count: 2 }], stuck: 1, dropped: 1 },
    { deployment: "shop-web-b", workloads: 1, placed: [], stuck: 1 },
  );
  const gone = { deployment: "old-web-a", workloads: 1, placed: [{ node: "n1", count: 1 }] };
  expect(words(drainDifference(drain({}, gone), now))).toEqual([
    ["old-web-a on the node", 1, 0, ""],
    ["old-web-a to n1", 1, 0, ""],
    ["shop-web-a on the node", 2, 3, ""],
    ["shop-web-a to n1", 2, 0, "cordoned: disk"],
    ["shop-web-a to n2", 0, 2, ""],
    ["shop-web-a that stay", 0, 1, "would help: uncordon n1"],
    ["shop-web-a not replaced elsewhere", 0, 1, ""],
    ["shop-web-b on the node", 0, 1, ""],
    ["shop-web-b that stay", 0, 1, "would help: uncordon n1"],
  ]);
  expect(words(drainDifference(drain({}), drain({}, gone)))[0]).toEqual(["deployments there", 1, 2, ""]);
});

test("a plan from beyond the end of the log is for another zone", () => {
  const other = [{ what: "sequence", planned: 10, now: 9 }];
  expect(upgradeDifference({ ...upgrade, atSeq: 10 }, upgrade)).toMatchObject(other);
  expect(drainDifference({ ...drain({}), atSeq: 10 }, drain({}))).toMatchObject(other);
});
