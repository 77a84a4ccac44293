import { expect, test } from "vitest";
import { only, template, World } from "../testkit/world.ts";
import { dryRun } from "./dry-run.ts";

test("a deployment is spread evenly and every workload is assigned to its node once", () => {
  const world = new World().node("n1", 4).node("n2", 4).node("n3", 4).deploy("shop-web-a", 3);
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(decided).toMatchObject({ because: "deployed", waiting: 0, release: "v1" });
  expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
  expect(world.orders("n2")).toEqual([
    expect.objectContaining({
      type: "WorkloadAssigned",
      workload: "shop-web-a-2",
      generation: 1,
      pod: "p",
    }),
  ]);
});

test("a second pass has nothing to say", () => {
  const world = new World().node("n1", 4).deploy("shop-web-a", 2);
  world.passes();
  expect(world.plan().decisions).toEqual([]);
});

test("cpu is counted in milli-cores: 0.29 cores fit exactly 100 times into 29", () => {
  const world = new World()
    .node("n1", 29)
    .deploy("shop-web-a", 101, { resources: { cpu: 0.29, memoryMib: 0 } });
  world.passes();
  expect(world.layout).toEqual({ n1: 100 });
});

test("workloads that ask for nothing always fit", () => {
  const world = new World()
    .node("n1", 0, 0)
    .deploy("shop-web-a", 50, { resources: { cpu: 0, memoryMib: 0 } });
  world.passes();
  expect(world.layout).toEqual({ n1: 50 });
});

test("the decision names the chosen with their scores, the rejected with amounts, and what was seen", () => {
  const world = new World()
    .node("n1", 2)
    .node("n2", 0.4)
    .node("n3", 4)
    .node("n4", 4)
    .nodeEvent({ type: "NodeCordoned", node: "n3", reason: "new disk" })
    .deploy("shop-web-a", 1, { filter: { includes: [], excludes: ["n4"], labels: {} } });
  const inputSeq = world.seq;
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(decided?.reasons).toEqual({
    policy: "auto-1",
    inputSeq,
    wanted: 1,
    resources: { cpu: 1, memoryMib: 100 },
    nodesTotal: 4,
    candidatesTotal: 1,
    scores: [{ node: "n1", count: 0, capacity: 2, placed: 1 }],
    rejectedTotals: { cpu: 1, cordoned: 1, excluded: 1 },
    rejected: [
      { node: "n2", filter: "cpu", detail: "cpu: 1 wanted, 0.4 of 0.4 free" },
      { node: "n3", filter: "cordoned", detail: "cordoned: new disk" },
      { node: "n4", filter: "excluded", detail: "excluded by the request" },
    ],
    wouldHelp: [],
  });
});

test("labels must match, and only named nodes are chosen", () => {
  const world = new World()
    .node("n1", 9, 9_999, { labels: { zone: "a" } })
    .node("n2", 9, 9_999, { labels: { zone: "b" } })
    .node("n3", 9, 9_999, { labels: { zone: "a" } })
    .deploy("shop-web-a", 4, { filter: { includes: [], excludes: [], labels: { zone: "a" } } })
    .deploy("shop-web-b", 1, {
      template: template("v1", { app: "blog" }),
      filter: { includes: ["n2"], excludes: [], labels: {} },
    });
  world.passes();
  expect(world.layout).toEqual({ n1: 2, n2: 1, n3: 2 });
});

test("a node whose agent was never heard, whose engine is down or whose size nobody said gets nothing", () => {
  const world = new World().node("n1", 4).node("n2", 4);
  world.nodeEvent({
    type: "NodeAdded",
    node: "n3",
    pod: "p",
    labels: {},
    resources: { cpu: 4, memoryMib: 999 },
  });
  world.nodeEvent({ type: "NodeAdded", node: "n4", pod: "p", labels: {} });
  world.append("eru.decision.p", { type: "NodeRecovered", pod: "p", node: "n4" });
  world.fact({ type: "EngineUnreachable", node: "n2", error: "connection refused" });
  const [decided] = only(world.deploy("shop-web-a", 2).passes(), "PlacementDecided");
  expect(world.layout).toEqual({ n1: 2 });
  expect(decided?.reasons.rejected.map(({ node, filter }) => [node, filter])).toEqual([
    ["n4", "no_capacity_known"],
    ["n2", "engine_down"],
    ["n3", "not_alive"],
  ]);
});

test("an agent may speak before its node is added, and only for its own node", () => {
  const world = new World();
  const observed = { resources: { cpu: 3, memoryMib: 500 }, engine: "28", agentVersion: "0" };
  world.fact({ type: "NodeObserved", node: "n1", ...observed });
  world.append("eru.fact.liar", {
    type: "NodeObserved",
    node: "n1",
    ...observed,
    resources: { cpu: 99, memoryMib: 1 },
  });
  world.nodeEvent({ type: "NodeAdded", node: "n1", pod: "p", labels: {} });
  world.append("eru.decision.p", { type: "NodeRecovered", pod: "p", node: "n1" });
  world.deploy("shop-web-a", 9).passes();
  expect(world.layout).toEqual({ n1: 3 });
});

test("the workloads of an entrypoint are evened out over all its deployments; another app's do not count", () => {
  const world = new World().node("n1", 9).node("n2", 9);
  world.deploy("shop-web-a", 3, { filter: { includes: ["n1"], excludes: [], labels: {} } });
  world.deploy("blog-web-a", 2, {
    template: template("v1", { app: "blog" }),
    filter: { includes: ["n2"], excludes: [], labels: {} },
  });
  world.passes();
  world.deploy("shop-web-b", 3).passes();
  expect(world.layout).toEqual({ n1: 3, n2: 5 });
});

test("workloads on their way out do not count for the spread", () => {
  const world = new World().node("n1", 9).node("n2", 2).route().elb("edge", 1).deploy("shop-web-a", 1);
  world.settle();
  world.scale("shop-web-a", 0).passes();
  expect(world.zone.nodes.get("n1")?.workloads.size).toBe(1); // Still draining.
  world.deploy("shop-web-b", 1).passes();
  expect(world.layout).toEqual({ n1: 1 });
});

test("two deployments race for the last room: the older one gets it, the other waits", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1).deploy("shop-web-b", 1);
  const decided = world.passes();
  expect(only(decided, "PlacementDecided")[0]?.placed).toEqual([{ workload: "shop-web-a-1", node: "n1" }]);
  expect(only(decided, "PlacementDeferred")).toMatchObject([{ deployment: "shop-web-b", waiting: 1 }]);
});

test("a request larger than one pass is placed in several, each consistent in itself", () => {
  const world = new World({ actionsMax: 4 }).node("n1", 6).node("n2", 20).deploy("shop-web-a", 10);
  const decided = only(world.passes(), "PlacementDecided");
  expect(decided.map((event) => [event.placed.length, event.waiting, event.because])).toEqual([
    [4, 6, "deployed"],
    [4, 2, "deployed"],
    [2, 0, "deployed"],
  ]);
  expect(world.layout).toEqual({ n1: 5, n2: 5 });
  expect(decided[2]?.placed.at(-1)?.workload).toBe("shop-web-a-10");
});

test("planning costs by nodes, not by workloads: a thousand millions over a thousand nodes", () => {
  const world = new World();
  for (let n = 0; n < 1_000; n++) world.node(`n${n}`, 64, 1_000_000);
  const {
    type: _,
    onShortage: __,
    ...request
  } = world.requestFor("shop-web-a", 1e9, {
    resources: { cpu: 0.1, memoryMib: 1 },
  });
  const reply = dryRun(world.zone, request);
  expect(reply.placed).toHaveLength(1_000);
  expect(reply.waiting).toBe(1e9 - 640 * 1_000);
});

test("large templates count for more, so that a batch stays small", () => {
  const env = { BLOB: "x".repeat(30_000) };
  const world = new World({ actionsMax: 8 })
    .node("n1", 99)
    .deploy("shop-web-a", 3, { template: template("v1", { env }) });
  expect(world.pass()).toHaveLength(1);
  expect(world.layout).toEqual({ n1: 2 });
});

test("a template that fits into no message is refused with what to do, and blocks nobody", () => {
  const env = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`E${n}`, "x".repeat(31_000)]));
  const world = new World()
    .node("n1", 9)
    .deploy("shop-web-a", 1, { template: template("v1", { env }) })
    .deploy("shop-web-b", 1);
  const [refused] = only(world.passes(), "PlacementRefused");
  expect(refused).toMatchObject({ deployment: "shop-web-a", refused: 1 });
  expect(refused?.reasons.wouldHelp[0]).toContain("shorten its environment");
  expect(world.staying("shop-web-b")).toHaveLength(1);
});
