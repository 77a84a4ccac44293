import { decodeMessage, encodeMessage } from "@eru/events";
import type { Append } from "@eru/log";
import { MemoryLog } from "@eru/log/memory";
import { expect, test } from "vitest";
import { behind, fenceAfter, toBatches } from "./batch.ts";
import type { Pass } from "./domain/plan.ts";
import { template, World } from "./testkit/world.ts";

const stamp = { id: "01J", time: "2026-01-01T00:00:00.000Z" };
/** A pass that is one batch, behind its fence. */
function toBatch(pass: Pass, of = stamp): Append[] {
  const [only, ...more] = toBatches(pass, of);
  expect(more).toEqual([]);
  return only ? behind(only, pass.expectedLastSeq) : [];
}

const decoded = (batch: readonly Append[]) =>
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
  const world = new World().node("n1", 999, 99_999).node("n2", 999, 99_999);
  for (let n = 0; n < 80; n++) {
    const env = { BLOB: `${n}`.repeat(10_000) };
    world.deploy(`shop-web-${n}`, 10, { template: template("v1", { env }) });
  }
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

test("a pass that is larger than a batch becomes a chain of them, each behind the one before", async () => {
  const world = new World();
  for (let n = 0; n < 300; n++) world.node(`node-${n}`, 3);
  for (let n = 0; n < 800; n++) world.deploy(`shop-web-${n}`, 1);
  const pass = world.plan();
  const batches = toBatches(pass, stamp, 100);
  expect(batches.length).toBeGreaterThan(2);
  expect(Math.max(...batches.map(({ appends }) => appends.length))).toBeLessThanOrEqual(100);
  const log = new MemoryLog(); // Refuses fences that do not hold.
  let fence = 0;
  for (const batch of batches) fence = fenceAfter(batch, await log.appendBatch(behind(batch, fence)));
  const decisions = await log.read("eru.decision.p", 1);
  expect(fence).toBe(decisions.at(-1)?.seq);
  const ids = batches.flatMap(({ appends }) =>
    appends.map(({ subject, message }) => `${subject} ${message.meta.id}`),
  );
  expect(new Set(ids).size).toBe(ids.length);
  const events = batches.flatMap(({ appends }) => decoded(appends));
  expect(events.filter(({ event }) => event.type === "WorkloadAssigned")).toHaveLength(800);
  expect(pass.unfinished).toEqual([]);
});

test("no order is apart from its decision", () => {
  const world = new World();
  for (let n = 0; n < 30; n++) world.node(`node-${n}`, 30);
  for (let n = 0; n < 20; n++) world.deploy(`shop-web-${n}`, 7);
  for (const { appends } of toBatches(world.plan(), stamp, 10)) {
    const events = decoded(appends).map(({ event }) => event);
    const decided = events.flatMap((event) => (event.type === "PlacementDecided" ? event.placed : []));
    const ordered = events.flatMap((event) => (event.type === "WorkloadAssigned" ? [event] : []));
    expect(ordered.map(({ workload }) => workload).sort()).toEqual(
      decided.map(({ workload }) => workload).sort(),
    );
  }
});

test("one decision places no more than a batch surely holds; the next pass goes on", () => {
  const world = new World();
  for (let n = 0; n < 2_000; n++) world.node(`node-${n}`, 3);
  world.deploy("shop-web-a", 1_500);
  const pass = world.plan();
  const [decision] = pass.decisions;
  expect(decision?.event).toMatchObject({ type: "PlacementDecided", placed: { length: 900 }, waiting: 600 });
  expect(pass.unfinished).toEqual(["shop-web-a"]);
  expect(toBatches(pass, stamp)).toHaveLength(1);
});

test("a pass over many nodes for one workload each ends early: it counts what it looks at", () => {
  const world = new World({ actionsMax: 30 });
  for (let n = 0; n < 200; n++) world.node(`node-${n}`, 3);
  for (let n = 0; n < 20; n++) world.deploy(`shop-web-${n}`, 1);
  const pass = world.plan();
  expect(pass.decisions).toHaveLength(10);
  expect(pass.unfinished).toHaveLength(10);
});

test("who is displaced goes in the batch in which that is said, however large batches are", () => {
  const world = new World();
  for (const name of ["n1", "n2", "n3", "n4", "n5", "n6"]) world.node(name, 1);
  world.deploy("shop-web-low", 6, { priority: 10 }).now();
  for (const id of ["a", "b"]) world.deploy(`shop-web-${id}`, 2, { priority: 80, preempt: true });
  const pass = world.plan();
  for (const messagesMax of [3, 4, 5]) {
    const batches = toBatches(pass, stamp, messagesMax);
    for (const { appends } of batches) {
      const events = appends.flatMap(({ message }) => message.events.map(({ event }) => event));
      const places = events.flatMap((event) => (event.type === "PreemptionDecided" ? event.places : []));
      const victims = places.flatMap((place) => place.victims.map(({ workload }) => workload));
      const gone = events.flatMap((event) => (event.type === "RemovalDecided" ? [event.workload] : []));
      expect(gone, `at most ${messagesMax} messages`).toEqual(victims);
    }
    expect(batches.length).toBeGreaterThan(1);
  }
});
