import type { DecisionEvent, ReallocAmounts } from "@eru/events";
import { expect, test } from "vitest";
import { recount } from "../testkit/snapshot.ts";
import { only, World } from "../testkit/world.ts";

const deployment = "shop-web-a";
const [first, second] = [`${deployment}-1`, `${deployment}-2`];

/** One node of 4 cores and 1000 MiB, with healthy workloads of a core and 100 MiB each. */
const running = (count: number): World => {
  const world = new World().node("n1", 4, 1_000).deploy(deployment, count);
  world.settle();
  return world;
};
const ask = (world: World, workload: string, amounts: ReallocAmounts) =>
  world.request({ type: "WorkloadReallocRequested", deployment, workload, amounts });
const answered = (world: World, workload: string, error?: string) => {
  const { revision, node } = world.zone.workloads.get(workload)!;
  const of = { node: node.name, workload, revision };
  return world.fact(
    error === undefined ? { type: "ReallocDone", ...of } : { type: "ReallocFailed", ...of, error },
  );
};
const booked = (world: World) => world.zone.nodes.get("n1")?.books.booked;
const types = (events: readonly DecisionEvent[]) => events.map(({ type }) => type);
const orders = (world: World) =>
  world.orders("n1").filter((event) => event.type === "WorkloadReallocAssigned");

test("what is more is booked with the decision, what is less is free with the agent's answer", () => {
  const world = running(2);
  ask(world, first, { cpu: 2, memoryMib: 50 });
  expect(world.passes()).toMatchObject([
    { type: "ReallocDecided", workload: first, revision: 1, resources: { cpu: 2, memoryMib: 50 } },
  ]);
  expect(orders(world)).toMatchObject([
    { workload: first, revision: 1, resources: { cpu: 2, memoryMib: 50 } },
  ]);
  expect(booked(world)).toEqual({ milli: 3_000, mib: 200 });
  answered(world, first);
  expect(booked(world)).toEqual({ milli: 3_000, mib: 150 });
  expect(world.passes()).toEqual([]);
  expect(world.zone.workloads.get(first)).toMatchObject({ phase: "healthy", generation: 1 });
});

test("what the node has no room for is refused, with the amounts and what would help", () => {
  const world = running(3);
  ask(world, first, { cpu: 2.5, memoryMib: 900 });
  const [refused] = only(world.passes(), "ReallocRefused");
  expect(refused?.detail).toBe(
    "n1 has no room for what is more than it has: cpu: 1.5 wanted, 1 of 4 free; memory: 800 MiB wanted, 700 of 1000 MiB free. It would help to free 0.5 more cores and 100 MiB more memory there, or to ask for at most cpu 2 and memory 800 MiB",
  );
  expect(booked(world)).toEqual({ milli: 3_000, mib: 300 });
  ask(world, first, { cpu: 2, memoryMib: 800 });
  expect(types(world.passes())).toEqual(["ReallocDecided"]);
});

test("two that fit alone and not together are not both given the same room", () => {
  const world = running(2);
  ask(world, first, { cpu: 2.5 });
  ask(world, second, { cpu: 2.5 });
  expect(types(world.passes())).toEqual(["ReallocDecided", "ReallocRefused"]);
});

test("what its node could not do is taken back, and the booking with it", () => {
  const world = running(1);
  ask(world, first, { memoryMib: 20, cpu: 2 });
  world.passes();
  answered(world, first, "it uses 60 MiB of memory now");
  expect(booked(world)).toEqual({ milli: 2_000, mib: 100 });
  expect(world.passes()).toMatchObject([
    {
      ...{ type: "ReallocDecided", because: "not_done", revision: 2, resources: { cpu: 1, memoryMib: 100 } },
      detail: "it uses 60 MiB of memory now",
    },
  ]);
  answered(world, first, "the engine is broken");
  expect(booked(world)).toEqual({ milli: 1_000, mib: 100 });
  expect(world.passes()).toEqual([]);
});

test("an answer to an older order frees nothing", () => {
  const world = running(1);
  ask(world, first, { cpu: 2 });
  world.passes();
  world.fact({ type: "ReallocDone", node: "n1", workload: first, revision: 7 });
  expect(world.zone.workloads.get(first)?.realloc).toBeDefined();
});

test("what is asked in parts before it begins is done as one, and what is asked meanwhile comes after it", () => {
  const world = running(1);
  ask(world, first, { cpu: 2 });
  ask(world, first, { memoryMib: 200 });
  expect(world.passes()).toMatchObject([{ resources: { cpu: 2, memoryMib: 200 } }]);
  ask(world, first, { cpu: 3 });
  expect(world.passes()).toEqual([]);
  answered(world, first);
  expect(world.passes()).toMatchObject([{ revision: 2, resources: { cpu: 3, memoryMib: 200 } }]);
});

test("a deployment's wish, its workloads, and those that come later agree", () => {
  const world = running(2);
  world.request({ type: "ReallocRequested", deployment, resources: { cpu: 0.5, memoryMib: 60 } });
  expect(types(world.passes())).toEqual(["ReallocDecided", "ReallocDecided"]);
  answered(world, first);
  answered(world, second);
  world.scale(deployment, 3);
  expect(only(world.passes(), "PlacementDecided")[0]?.reasons.resources).toEqual({ cpu: 0.5, memoryMib: 60 });
  world.settle();
  world.upgrade(deployment, "v2").settle();
  for (const workload of world.zone.workloads.values())
    expect(workload.resources).toEqual({ cpu: 0.5, memoryMib: 60 });
  expect(booked(world)).toEqual({ milli: 1_500, mib: 180 });
});

test("a workload placed by somebody who did not know of it yet gets it, too", () => {
  const world = new World().node("n1", 4, 1_000).deploy(deployment, 1);
  const stale = world.plan();
  world.request({ type: "ReallocRequested", deployment, resources: { cpu: 2, memoryMib: 60 } });
  world.record(stale);
  expect(world.passes()).toMatchObject([{ type: "ReallocDecided", resources: { cpu: 2 } }]);
});

test.each([
  ["restart", 1],
  // Another workload, to which nothing was ever given but what it begins with.
  ["replace", undefined],
] as const)("a %s keeps what was given", (change, revision) => {
  const world = running(1);
  ask(world, first, { cpu: 2 });
  world.passes();
  answered(world, first);
  world.request({ type: "WorkloadChangeRequested", deployment, workload: first, change });
  world.passes();
  const order = world.orders("n1").at(-1);
  expect(order).toMatchObject({ type: "WorkloadAssigned", resources: { cpu: 2 } });
  expect(order).toHaveProperty("generation", revision ? 2 : 1);
  expect((order as { revision?: number }).revision).toBe(revision);
});

test("of what is being removed it is refused, and everything comes back once", () => {
  const world = running(2);
  ask(world, first, { cpu: 2 });
  world.passes();
  world.scale(deployment, 0);
  world.passes();
  ask(world, first, { cpu: 1 });
  answered(world, first);
  expect(only(world.passes(), "ReallocRefused")).toMatchObject([
    { detail: expect.stringMatching(/being removed/) },
  ]);
  world.settle();
  expect(booked(world)).toEqual({ milli: 0, mib: 0 });
  const { kept, counted } = recount(world.zone);
  expect(kept).toBe(counted);
});

test("nothing begins while the node is only suspected", () => {
  const world = running(1);
  world.decided({ type: "NodeSuspected", pod: "p", node: "n1", silentMs: 3_000 });
  ask(world, first, { cpu: 2 });
  expect(world.passes()).toEqual([]);
  world.decided({ type: "NodeRecovered", pod: "p", node: "n1" });
  expect(types(world.passes())).toEqual(["ReallocDecided"]);
});
