import { decodeMessage, encodeMessage } from "@eru/events";
import { MemoryLog } from "@eru/log/memory";
import { expect, test } from "vitest";
import { toBatch } from "./batch.ts";
import { template, World } from "./testkit/world.ts";

const stamp = { id: "01J", time: "2026-01-01T00:00:00.000Z" };
const decoded = (batch: ReturnType<typeof toBatch>) =>
  batch.flatMap(({ subject, message }, index) =>
    decodeMessage({ subject, seq: index + 1, body: encodeMessage(subject, message) }),
  );

test("the decisions come first, behind the fence of their history, then each node's orders in one message", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 4);
  const batch = toBatch(world.plan(), stamp);
  expect(
    batch.map(({ subject, expectedLastSeq, message }) => [subject, expectedLastSeq, message.events.length]),
  ).toEqual([
    ["eru.decision.p", 4, 1],
    ["eru.assignment.n1", undefined, 2],
    ["eru.assignment.n2", undefined, 2],
  ]);
});

test("every order names the decision it carries out, every decision what caused it", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  const [decision, order] = decoded(toBatch(world.plan(), stamp));
  expect(decision).toMatchObject({
    id: "01J/0",
    meta: { actor: "scheduler" },
    cause: { correlationId: "c", causationId: `m${world.seq}/0` },
  });
  expect(order?.cause).toEqual({ correlationId: "c", causationId: "01J/0" });
});

test("what a lost node leads to is caused by its loss, which begins a chain of its own", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 2);
  world.settle();
  const pass = world.plan({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  const events = decoded(toBatch(pass, stamp));
  const causes = events.map(({ event, cause }) => [event.type, cause.correlationId, cause.causationId]);
  expect(causes).toEqual([
    ["NodeLost", "01J", "01J"],
    ["PlacementDecided", "01J", "01J/0"],
    ["RemovalDecided", "01J", "01J/0"],
    ["StopDecided", "01J", "01J/2"],
    ["WorkloadAssigned", "01J", "01J/1"],
    ["WorkloadStopAssigned", "01J", "01J/3"],
  ]);
});

test("what does not fit into one message is split, and one batch still holds it", async () => {
  const env = { BLOB: "x".repeat(7_000) };
  const world = new World().node("n1", 999, 99_999).node("n2", 999, 99_999);
  world.deploy("shop-web-a", 800, { template: template("v1", { env }) });
  const pass = world.plan();
  const batch = toBatch(pass, stamp);
  expect(batch.filter(({ subject }) => subject === "eru.assignment.n1").length).toBeGreaterThan(5);
  expect(batch.length).toBeLessThan(1_000);
  expect(new Set(batch.map(({ message }) => message.meta.id)).size).toBe(batch.length);
  expect(decoded(batch).filter(({ event }) => event.type === "WorkloadAssigned")).toHaveLength(800);
  const log = new MemoryLog(); // Refuses messages and batches that are too large.
  const [{ expectedLastSeq: _, ...first }, ...rest] = batch as [(typeof batch)[0], ...typeof batch];
  await log.appendBatch([first, ...rest]);
});

test("the largest pass of small deployments still fits into one batch", async () => {
  const world = new World();
  for (let n = 0; n < 300; n++) world.node(`node-${n}`, 3);
  for (let n = 0; n < 900; n++) world.deploy(`shop-web-${n}`, 1);
  const batch = toBatch(world.plan(), stamp);
  expect(batch.length).toBeLessThanOrEqual(1_000);
  expect(batch.filter(({ subject }) => subject === "eru.decision.p").length).toBeGreaterThan(1);
  expect(batch.filter(({ expectedLastSeq }) => expectedLastSeq !== undefined)).toHaveLength(1);
  expect(world.plan().unfinished).toHaveLength(100);
  const log = new MemoryLog();
  const [{ expectedLastSeq: _, ...first }, ...rest] = batch as [(typeof batch)[0], ...typeof batch];
  await log.appendBatch([first, ...rest]);
});
