import { expect, test } from "vitest";
import { ElbHeartbeat, NodeHeartbeat } from "./live.ts";

test("a heartbeat of a newer sender is read without what it adds", () => {
  const elb = { elb: "e1", bootId: "b", appliedSeq: 7 };
  expect(ElbHeartbeat.parse({ ...elb, mood: "good" })).toEqual(elb);
  const node = { node: "n1", bootId: "b", engineReachable: true };
  expect(NodeHeartbeat.parse({ ...node, mood: "good" })).toEqual(node);
});

test("a heartbeat without what is needed is refused", () => {
  expect(ElbHeartbeat.safeParse({ elb: "e1", bootId: "b" }).success).toBe(false);
  expect(NodeHeartbeat.safeParse({ node: "n1", bootId: "b" }).success).toBe(false);
});
