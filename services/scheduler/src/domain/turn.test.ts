import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";
import { passedOverMax } from "./limits.ts";

const bigger = (world: World, cpu: number) =>
  world.nodeEvent({ type: "NodeResourcesSet", node: "n1", resources: { cpu, memoryMib: 10_000 } });
const waitingOf = (world: World, id: string) => world.zone.deployments.get(id)?.waiting;

test("room goes to the higher priority first, and among equals to the oldest", () => {
  const world = new World().node("n1", 0.5);
  world.deploy("shop-web-old", 1).deploy("shop-web-new", 1).deploy("shop-web-low", 1, { priority: 10 });
  world.deploy("shop-web-high", 1, { priority: 90 }).passes();
  const got: string[] = [];
  for (const cpu of [1, 2, 3, 4])
    got.push(...only(bigger(world, cpu).passes(), "PlacementDecided").map(({ deployment }) => deployment));
  expect(got).toEqual(["shop-web-high", "shop-web-old", "shop-web-new", "shop-web-low"]);
});

test("another priority counts from the next room on", () => {
  const world = new World().node("n1", 0.5).deploy("shop-web-a", 1).deploy("shop-web-b", 1).now();
  world.request({ type: "TurnRequested", deployment: "shop-web-b", priority: 51 }).passes();
  bigger(world, 1).passes();
  expect(world.staying("shop-web-b")).toHaveLength(1);
  expect(waitingOf(world, "shop-web-a")).toBe(1);
});

test("what only tells of health makes no pass look at those that wait", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1).deploy("shop-web-b", 1).now();
  world.healthy("shop-web-a-1");
  // A room that no event told of shows whether anybody looked.
  const node = world.zone.nodes.get("n1")!;
  for (const { amounts, granted } of node.workloads) node.books.giveBack(amounts, granted);
  expect(world.passes()).toEqual([]);
  world.nodeEvent({ type: "NodeLabelled", node: "n1", labels: {} });
  expect(only(world.passes(), "PlacementDecided")).toMatchObject([{ deployment: "shop-web-b" }]);
});

test.each<[string, (world: World) => World]>([
  ["it is uncordoned", (world) => world.nodeEvent({ type: "NodeUncordoned", node: "n2" })],
  ["its label changes", (world) => world.nodeEvent({ type: "NodeLabelled", node: "n3", labels: { a: "b" } })],
  ["its engine is back", (world) => world.fact({ type: "EngineBack", node: "n4" })],
  ["its drain is cancelled", (world) => world.nodeEvent({ type: "DrainCancelled", node: "n5" })],
])("a node is tried again when %s", (_what, change) => {
  const world = new World().node("n2", 1).node("n3", 1).node("n4", 1).node("n5", 1);
  world.nodeEvent({ type: "NodeCordoned", node: "n2", reason: "" });
  world.fact({ type: "EngineUnreachable", node: "n4", error: "gone" });
  world.nodeEvent({ type: "DrainRequested", node: "n5", reason: "" });
  world.nodeEvent({ type: "NodeLabelled", node: "n2", labels: { a: "b" } });
  world.nodeEvent({ type: "NodeLabelled", node: "n4", labels: { a: "b" } });
  world.nodeEvent({ type: "NodeLabelled", node: "n5", labels: { a: "b" } });
  world.deploy("shop-web-a", 1, { filter: { includes: [], excludes: [], labels: { a: "b" } } }).passes();
  expect(waitingOf(world, "shop-web-a")).toBe(1);
  change(world).passes();
  expect(waitingOf(world, "shop-web-a")).toBe(0);
});

test("scaling down frees a place under nodesLimit for another deployment of the entrypoint", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1).now();
  world.deploy("shop-web-b", 1, { nodesLimit: 1 }).passes();
  expect(waitingOf(world, "shop-web-b")).toBe(1);
  world.scale("shop-web-a", 0).passes();
  expect(waitingOf(world, "shop-web-b")).toBe(0);
});

const late = { waitedOut: new Set(["shop-web-a"]) };

test("at its deadline what still waits is refused, and no longer tried until it is asked for again", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 5, { waitDeadlineMs: 60_000 }).now();
  expect(waitingOf(world, "shop-web-a")).toBe(3);
  const [refused] = only(world.passes(late), "PlacementRefused");
  expect(refused).toMatchObject({ refused: 3, waitedMs: 60_000 });
  expect(refused?.reasons.wouldHelp).toEqual(["free 1 more core on n1"]);
  expect(bigger(world, 9).passes()).toEqual([]);
  world.scale("shop-web-a", 4).passes();
  expect(world.staying("shop-web-a")).toHaveLength(4);
});

test("what finds room just at its deadline is placed, the rest is refused", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 5, { waitDeadlineMs: 60_000 }).now();
  bigger(world, 3);
  const decided = world.passes(late);
  expect(only(decided, "PlacementRefused")).toMatchObject([{ refused: 2 }]);
  expect(world.staying("shop-web-a")).toHaveLength(3);
});

test("what replaces a lost workload has no deadline: it had been granted", () => {
  const world = new World().node("n1", 1).node("n2", 1).deploy("shop-web-a", 2, { waitDeadlineMs: 60_000 });
  world.settle();
  world.passes({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  expect(only(world.passes(late), "PlacementRefused")).toEqual([]);
  expect(waitingOf(world, "shop-web-a")).toBe(1);
});

/** A node of four cores, full of small workloads, and a large one that waits for three cores. */
function crowded(): World {
  const world = new World().node("n1", 4).deploy("shop-web-small", 4);
  world.settle();
  return world.deploy("shop-web-large", 1, { resources: { cpu: 3, memoryMib: 100 } }).now();
}

/** One small workload goes and another deployment of the same size asks for its room. */
function replaceOne(world: World, n: number, more = {}): boolean {
  const [first = ""] = [...world.zone.workloads.values()].filter(({ going }) => !going).map(({ id }) => id);
  const deployment = world.zone.workloads.get(first)!.deployment;
  world.scale(deployment.id, deployment.count - 1).now();
  for (const { id, going, stopping } of [...world.zone.workloads.values()])
    if (going && stopping) world.gone(id);
  world.deploy(`shop-web-s${n}`, 1, more).settle();
  return world.staying(`shop-web-s${n}`).length === 1;
}

test("small ones pass a large one over only so often: then a node is held for it until it is there", () => {
  const world = crowded();
  let passed = 0;
  while (passed < 60 && replaceOne(world, passed)) passed++;
  expect(passed).toBe(passedOverMax);
  expect(world.zone.deployments.get(`shop-web-s${passed}`)?.deferral).toContain("held");
  for (const n of [passed + 1, passed + 2]) replaceOne(world, n);
  expect(world.staying("shop-web-large")).toHaveLength(1);
});

test("a node that is held is not kept from what has a higher priority", () => {
  const world = crowded();
  let passed = 0;
  while (passed < 60 && replaceOne(world, passed)) passed++;
  world.deploy("shop-web-urgent", 1, { priority: 51 }).settle();
  expect(world.staying("shop-web-urgent")).toHaveLength(1);
});

test("a node is no longer held when what it was held for is removed", () => {
  const world = crowded();
  let passed = 0;
  while (passed < 60 && replaceOne(world, passed)) passed++;
  world.request({ type: "RemovalRequested", deployment: "shop-web-large" }).settle();
  expect(world.staying(`shop-web-s${passed}`)).toHaveLength(1);
});
