import { expect, test } from "vitest";
import { only, template, World } from "../testkit/world.ts";

test("what does not fit waits, with the totals and the smallest change that would help", () => {
  const world = new World().node("n1", 2).node("n2", 2.5).deploy("shop-web-a", 5);
  const decided = world.passes();
  const [placed] = only(decided, "PlacementDecided");
  expect(placed).toMatchObject({ waiting: 1 });
  expect(placed?.placed).toHaveLength(4);
  expect(placed?.reasons).toMatchObject({
    wanted: 5,
    rejectedTotals: { cpu: 2 },
    rejected: [
      { node: "n1", filter: "cpu", detail: "cpu: 1 wanted, 0 of 2 free" },
      { node: "n2", filter: "cpu", detail: "cpu: 1 wanted, 0.5 of 2.5 free" },
    ],
    wouldHelp: ["free 0.5 more cores on n2"],
  });
  expect(only(decided, "PlacementDeferred")).toEqual([]);
});

test("waiting is recorded once per reason, not once per try", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1).deploy("shop-web-b", 1);
  expect(only(world.passes(), "PlacementDeferred")).toHaveLength(1);
  world.node("n2", 0.5);
  expect(world.passes()).toEqual([]); // Another node without cpu: still cpu.
  world.nodeEvent({ type: "NodeCordoned", node: "n2", reason: "" });
  const [again] = only(world.passes(), "PlacementDeferred");
  expect(again?.reasons.rejectedTotals).toEqual({ cpu: 1, cordoned: 1 });
});

test.each([
  ["a node is added", (world: World) => world.node("n2", 1)],
  [
    "a node gets larger",
    (world: World) =>
      world.nodeEvent({ type: "NodeResourcesSet", node: "n1", resources: { cpu: 2, memoryMib: 999 } }),
  ],
  [
    "another one's container is removed",
    (world: World) => {
      world.request({ type: "RemovalRequested", deployment: "shop-web-a" }).passes();
      return world.gone("shop-web-a-1");
    },
  ],
])("what waits is placed when %s", (_what, change) => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1).deploy("shop-web-b", 1);
  world.passes();
  const decided = only(change(world).passes(), "PlacementDecided");
  expect(decided).toMatchObject([{ deployment: "shop-web-b", because: "room", waiting: 0 }]);
});

test("the oldest waits shortest", () => {
  const world = new World().node("n1", 0.5).deploy("shop-web-z", 1).deploy("shop-web-a", 1);
  world.passes();
  world.nodeEvent({ type: "NodeResourcesSet", node: "n1", resources: { cpu: 1, memoryMib: 999 } }).passes();
  expect(world.staying("shop-web-z")).toHaveLength(1);
  expect(world.staying("shop-web-a")).toHaveLength(0);
});

test("resources come back when the removal is a fact, not before, and once", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1);
  world.settle();
  world.request({ type: "RemovalRequested", deployment: "shop-web-a" }).deploy("shop-web-b", 1).passes();
  expect(world.staying("shop-web-b")).toHaveLength(0);
  world.gone("shop-web-a-1");
  const late = { node: "n1", workload: "shop-web-a-1", generation: 2, ordered: true };
  world.fact({ type: "ContainerRemoved", ...late }).passes();
  expect(world.staying("shop-web-b")).toHaveLength(1);
  expect(world.zone.nodes.get("n1")?.books.booked).toEqual({ milli: 1_000, mib: 100 });
});

test("a container removed by hand keeps its room: its agent makes it again", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1);
  world.settle();
  const byHand = { node: "n1", workload: "shop-web-a-1", generation: 1, ordered: false };
  world.fact({ type: "ContainerRemoved", ...byHand });
  expect(world.zone.nodes.get("n1")?.books.booked.milli).toBe(1_000);
  expect(world.passes()).toEqual([]);
});

test("a removal by hand that crosses the stop does not return the room twice", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1);
  world.settle();
  world.scale("shop-web-a", 0).passes();
  const old = { node: "n1", workload: "shop-web-a-1", generation: 1, ordered: false };
  world.fact({ type: "ContainerRemoved", ...old });
  expect(world.zone.nodes.get("n1")?.books.booked.milli).toBe(1_000);
  world.gone("shop-web-a-1");
  expect(world.zone.nodes.get("n1")?.books.booked.milli).toBe(0);
});

test("a deployment that does not wait is placed whole or refused whole", () => {
  const world = new World().node("n1", 3).deploy("shop-web-a", 4, { onShortage: "refuse" });
  const decided = world.passes();
  expect(decided).toMatchObject([{ type: "PlacementRefused", refused: 4 }]);
  expect(only(decided, "PlacementRefused")[0]?.reasons).toMatchObject({
    wanted: 4,
    scores: [{ node: "n1", capacity: 3, placed: 0 }],
    wouldHelp: ["free 1 more core on n1"],
  });
  expect(world.layout).toEqual({});
  world.node("n2", 9);
  expect(world.passes()).toEqual([]); // Refused is the end of it, until it is asked for again.
  world.scale("shop-web-a", 4).passes();
  expect(world.staying("shop-web-a")).toHaveLength(4);
});

test("scaling up that does not fit is refused; what runs stays", () => {
  const world = new World().node("n1", 3).deploy("shop-web-a", 2, { onShortage: "refuse" });
  world.settle();
  expect(world.scale("shop-web-a", 5).settle()).toMatchObject([{ type: "PlacementRefused", refused: 3 }]);
  expect(world.layout).toEqual({ n1: 2 });
});

test("what a lost node held waits for room also when shortage refuses: it had been granted", () => {
  const world = new World().node("n1", 2).node("n2", 1).node("n3", 1);
  world.deploy("shop-web-a", 4, { onShortage: "refuse" }).settle();
  const decided = world.passes({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  expect(decided.map(({ type }) => type)).toEqual(["NodeLost", "PlacementDeferred"]);
  world.node("n4", 2).passes();
  expect(world.staying("shop-web-a").length).toBe(4);
});

test("when nothing is missing any more, waiting ends visibly", () => {
  const world = new World().node("n1", 2).node("n2", 1).node("n3", 1).deploy("shop-web-a", 4);
  world.settle();
  world.passes({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  const decided = world.passes({ liveness: [{ node: "n1", to: "alive" }] });
  expect(decided).toMatchObject([
    { type: "NodeRecovered" },
    { type: "PlacementDecided", placed: [], waiting: 0 },
  ]);
});

test("scaling down to what is there ends the waiting", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 5);
  world.passes();
  world.scale("shop-web-a", 2);
  expect(world.passes()).toEqual([]);
  expect(world.zone.deployments.get("shop-web-a")?.waiting).toBe(0);
});

test("a decision to wait that a smaller request overtook is taken back visibly", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 2);
  world.settle();
  world.scale("shop-web-a", 4);
  const pass = world.plan();
  world.scale("shop-web-a", 2);
  world.record(pass);
  expect(world.zone.deployments.get("shop-web-a")?.waiting).toBe(2);
  expect(world.passes()).toMatchObject([{ type: "PlacementDecided", placed: [], waiting: 0 }]);
});

test("a refusal that a new request overtook does not hold for it", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 4, { onShortage: "refuse" });
  const pass = world.plan();
  world.scale("shop-web-a", 2);
  world.record(pass);
  world.passes();
  expect(world.layout).toEqual({ n1: 2 });
});

const helpFor = (world: World) => only(world.passes(), "PlacementDeferred")[0]?.reasons.wouldHelp;

test("a request larger than any node is said to be that", () => {
  const world = new World().node("n1", 2, 1_000).node("n2", 4, 500);
  world.deploy("shop-web-a", 1, { resources: { cpu: 64, memoryMib: 100 } });
  expect(helpFor(world)).toEqual([
    "a workload of 64 cores and 100 MiB of memory is larger than any of these nodes: n2 has 4 cores and 500 MiB of memory",
  ]);
});

test.each<[string, (world: World) => World, string]>([
  ["no node", (world) => world, "add a node to pod p: it has none"],
  [
    "a cordoned node",
    (world) => world.node("n1", 9).nodeEvent({ type: "NodeCordoned", node: "n1", reason: "" }),
    "uncordon n1",
  ],
  [
    "a silent node",
    (world) => world.node("n1", 9).decided({ type: "NodeSuspected", pod: "p", node: "n1", silentMs: 3_000 }),
    "bring back the agent of n1",
  ],
  [
    "a dead engine",
    (world) => world.node("n1", 9).fact({ type: "EngineUnreachable", node: "n1", error: "gone" }),
    "bring back the engine of n1",
  ],
  [
    "too little memory",
    (world) => world.node("n1", 9, 250).deploy("b", 2).now(),
    "free 50 MiB more memory on n1",
  ],
])("with %s it says what would help", (_what, prepare, help) => {
  const world = prepare(new World());
  world.deploy("shop-web-a", 1);
  expect(helpFor(world)).toEqual([help]);
});

test("it says when labels, names or nodes_limit stand in the way", () => {
  const labels = new World().node("n1", 9).deploy("shop-web-a", 1, {
    filter: { includes: [], excludes: [], labels: { zone: "a" } },
  });
  expect(helpFor(labels)).toEqual(["give n1 the label the request wants, or drop it from the request"]);
  const includes = new World().node("n1", 9).deploy("shop-web-a", 1, {
    filter: { includes: ["n7"], excludes: [], labels: {} },
  });
  expect(helpFor(includes)).toEqual(["only nodes of pod p can be chosen; not in it: n7", "include n1"]);
  const limit = new World().node("n1", 9).deploy("shop-web-b", 2).deploy("shop-web-a", 1, { nodesLimit: 2 });
  expect(helpFor(limit)).toEqual([
    "raise nodesLimit above 2, or add a node: every node with room has that many",
  ]);
});

test("lists in a decision are bounded, totals are not", () => {
  const world = new World();
  for (let n = 0; n < 60; n++) world.node(`full${n}`, 0.5);
  for (let n = 0; n < 60; n++) world.node(`free${n}`, 9);
  world.deploy("shop-web-a", 40, { template: template() });
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(decided?.reasons).toMatchObject({
    nodesTotal: 120,
    candidatesTotal: 60,
    rejectedTotals: { cpu: 60 },
  });
  expect(decided?.reasons.rejected).toHaveLength(20);
  expect(decided?.reasons.scores).toHaveLength(25);
});
