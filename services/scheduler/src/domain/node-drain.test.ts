import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";
import { drainForecast } from "./dry-run.ts";

const drain = (world: World, node = "n1") => world.nodeEvent({ type: "DrainRequested", node, reason: "fan" });
const cancel = (world: World, node = "n1") => world.nodeEvent({ type: "DrainCancelled", node });

/** All on n1, and room on n2 that came later. */
const crowded = (count: number, other = 9) => {
  const world = new World().node("n1", 9).deploy("shop-web-a", count);
  world.settle();
  return world.node("n2", other);
};
const healthyIn = (world: World) =>
  [...world.zone.workloads.values()].filter(({ going, phase }) => !going && phase === "healthy").length;

test("a drain moves everything start-first and never serves with fewer", () => {
  const world = drain(crowded(7));
  for (let n = 0; n < 50 && world.layout["n1"]; n++) {
    world.passes();
    expect(healthyIn(world)).toBeGreaterThanOrEqual(7);
    const next = [...world.zone.workloads.values()].find(
      ({ phase, stopping }) => stopping || phase === "assigned",
    );
    if (next?.stopping) world.gone(next.id);
    else if (next) world.healthy(next.id);
  }
  world.settle();
  expect(world.layout).toEqual({ n2: 7 });
  expect(world.zone.nodes.get("n1")?.workloads.size).toBe(0);
});

test("both halves of a move say why, and follow from the request to drain", () => {
  const world = drain(crowded(1));
  expect(only(world.passes(), "PlacementDecided")).toMatchObject([
    { because: "drained_node", placed: [{ node: "n2" }], waiting: 0 },
  ]);
  const { decisions } = world.healthy("shop-web-a-2").plan();
  expect(decisions[0]).toMatchObject({
    event: { type: "RemovalDecided", workload: "shop-web-a-1", because: "drained_node" },
    cause: world.zone.nodes.get("n1")?.drain?.cause,
  });
});

test("no more than five are on their way in place of those on one node", () => {
  const world = drain(crowded(8));
  expect(only(world.passes(), "PlacementDecided").flatMap(({ placed }) => placed)).toHaveLength(5);
  world.healthy("shop-web-a-9");
  expect(only(world.passes(), "PlacementDecided").flatMap(({ placed }) => placed)).toHaveLength(1);
});

test("deployments on one draining node share what may be on its way", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 4).deploy("shop-web-b", 4);
  world.settle();
  drain(world.node("n2", 9));
  expect(
    only(world.passes(), "PlacementDecided").map(({ deployment, placed }) => [deployment, placed.length]),
  ).toEqual([
    ["shop-web-a", 4],
    ["shop-web-b", 1],
  ]);
  world.settle();
  expect(world.layout).toEqual({ n2: 8 });
});

test("a routed one goes only when every live load balancer knows its replacement", () => {
  const world = drain(crowded(1).route().elb("edge", 1).elb("edge2", 1));
  const elbs = (edge: number, edge2: number) => ({
    elbs: new Map([
      ["edge", edge],
      ["edge2", edge2],
    ]),
  });
  world.passes(elbs(1, 1));
  const { seq } = world.healthy("shop-web-a-2");
  expect(world.passes(elbs(seq, seq - 1))).toEqual([]);
  expect(world.passes()).toEqual([]);
  world.elb("edge2", seq);
  expect(world.passes(elbs(seq, seq))).toMatchObject([
    {
      type: "RemovalDecided",
      workload: "shop-web-a-1",
      drain: true,
      elbs: [
        { elb: "edge", appliedSeq: seq },
        { elb: "edge2", appliedSeq: seq },
      ],
    },
  ]);
});

test("what fits nowhere else stays, says why once, and moves when there is room", () => {
  const world = drain(crowded(2, 1));
  world.settle();
  expect(world.layout).toEqual({ n1: 1, n2: 1 });
  const told = world.log.flatMap(({ recorded }) => recorded).map(({ event }) => event);
  expect(told.filter((event) => "waiting" in event && event.waiting > 0)).toHaveLength(1);
  expect(told.findLast((event) => "waiting" in event)).toMatchObject({
    waiting: 1,
    reasons: {
      rejected: [
        { node: "n2", filter: "cpu", detail: "cpu: 1 wanted, 0 of 1 free" },
        { node: "n1", filter: "draining", detail: "being drained: fan" },
      ],
      wouldHelp: ["free 1 more core on n2", "cancel the drain of n1"],
    },
  });
  expect(world.settle()).toEqual([]);
  world.node("n3", 1).settle();
  expect(world.layout).toEqual({ n2: 1, n3: 1 });
});

test("the last node keeps everything and says so", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 2);
  world.settle();
  expect(only(drain(world).settle(), "PlacementDeferred")).toMatchObject([
    { waiting: 2, reasons: { rejectedTotals: { draining: 1 }, wouldHelp: ["cancel the drain of n1"] } },
  ]);
  expect(world.layout).toEqual({ n1: 2 });
  expect(healthyIn(world)).toBe(2);
});

test("a cancelled drain keeps what is there, ends the waiting and takes back replacements too many", () => {
  const world = drain(crowded(3));
  world.passes();
  expect(world.layout).toEqual({ n1: 3, n2: 3 });
  cancel(world).settle();
  expect(Object.values(world.layout).reduce((sum, count) => sum + count, 0)).toBe(3);
  const last = new World().node("n1", 9).deploy("shop-web-a", 1);
  last.settle();
  drain(last).settle();
  expect(only(cancel(last).settle(), "PlacementDecided")).toMatchObject([{ placed: [], waiting: 0 }]);
  expect(last.settle()).toEqual([]);
});

test("scaled or removed meanwhile, a drain goes by the new wish", () => {
  const world = drain(crowded(4));
  world.passes();
  world.scale("shop-web-a", 1).settle();
  expect(world.layout).toEqual({ n2: 1 });
  const removed = drain(crowded(4));
  removed.passes();
  removed.request({ type: "RemovalRequested", deployment: "shop-web-a" }).settle();
  expect(removed.layout).toEqual({});
});

test("an upgrade under way goes first; what it leaves on the node is moved after it", () => {
  const world = drain(crowded(2).upgrade("shop-web-a", "v2"));
  world.settle();
  expect(world.layout).toEqual({ n2: 2 });
});

test("what a halted deployment has given up leaves the node too, without counting as a failure", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  for (let n = 1; n <= 6; n++) world.now().failed(`shop-web-a-${n}`);
  world.now();
  expect(world.layout).toEqual({ n1: 1 });
  drain(world.node("n2", 9)).now();
  for (const { id, stopping } of [...world.zone.workloads.values()]) if (stopping) world.gone(id);
  expect(world.now().layout).toEqual({ n2: 1 });
  expect(world.zone.deployments.get("shop-web-a")?.failures).toBe(5);
});

test("a replacement that does not come up keeps neither the old one from serving nor others from moving", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 5).deploy("shop-web-b", 1);
  world.settle();
  drain(world.node("n2", 9)).passes();
  for (const id of world.staying("shop-web-a").slice(5))
    world.fact({
      type: "ContainerUnhealthy",
      node: "n2",
      workload: id,
      generation: 1,
      attempt: 1,
      reason: "503",
    });
  world.settle();
  expect(world.layout["n1"]).toBe(5);
  expect(world.staying("shop-web-b")).toEqual(["shop-web-b-2"]);
});

test("a node that is added again under its name is not being drained", () => {
  const world = drain(new World().node("n1", 9));
  world.nodeEvent({ type: "NodeRemoved", node: "n1" }).node("n1", 9).deploy("shop-web-a", 1).settle();
  expect(world.layout).toEqual({ n1: 1 });
});

test("the forecast of a drain says what would go where and what cannot, and changes nothing", () => {
  const world = crowded(3, 2).deploy("shop-web-b", 1, {
    filter: { includes: ["n1"], excludes: [], labels: {} },
  });
  world.settle();
  expect(drainForecast(world.zone, "n1")).toMatchObject({
    node: "n1",
    liveness: "alive",
    deploymentsTotal: 2,
    deployments: [
      { deployment: "shop-web-a", workloads: 3, placed: [{ node: "n2", count: 2 }], stuck: 1 },
      { deployment: "shop-web-b", workloads: 1, placed: [], stuck: 1 },
    ],
  });
  expect(world.plan().decisions).toEqual([]);
  expect(drainForecast(world.zone, "n9")).toBeUndefined();
});

test("what a halted upgrade failed with is removed once when its draining node is lost", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  world.settle();
  world.upgrade("shop-web-a", "v2").now();
  world.now({ stalled: new Map([["shop-web-a", { workload: "shop-web-a-2", afterMs: 9_000 }]]) });
  drain(world).node("n2", 9);
  const decided = world.passes({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  const removed = only(decided, "RemovalDecided").map(({ workload }) => workload);
  expect(removed.toSorted()).toEqual(["shop-web-a-1", "shop-web-a-2"]);
});

test("a paused drain moves nothing more and lets nothing in; resumed, it goes on", () => {
  const world = drain(crowded(3)).nodeEvent({ type: "DrainPaused", node: "n1" });
  expect(only(world.passes(), "PlacementDecided")).toEqual([]);
  world.scale("shop-web-a", 5);
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(decided?.placed.map(({ node }) => node)).toEqual(["n2", "n2"]);
  expect(decided?.reasons.rejected).toMatchObject([{ node: "n1", detail: "being drained, paused: fan" }]);
  world.nodeEvent({ type: "DrainResumed", node: "n1" });
  world.settle();
  expect(world.layout).toEqual({ n2: 5 });
});

test("replacements of a paused drain that are on their way are too many and go", () => {
  const world = drain(crowded(2));
  expect(only(world.passes(), "PlacementDecided")).toHaveLength(1);
  world.nodeEvent({ type: "DrainPaused", node: "n1" });
  const removed = only(world.passes(), "RemovalDecided").map(({ node }) => node);
  expect(removed).toEqual(["n2", "n2"]);
  expect(world.staying("shop-web-a")).toHaveLength(2);
});

test("at its deadline a drain is paused once, with what is left, and takes nothing away", () => {
  const world = crowded(3).nodeEvent({ type: "DrainRequested", node: "n1", reason: "", deadlineMs: 60_000 });
  const decided = world.passes({ overdue: new Set(["n1"]) });
  expect(decided).toEqual([{ type: "DrainOverdue", pod: "p", node: "n1", left: 3 }]);
  expect(world.passes({ overdue: new Set(["n1"]) })).toEqual([]);
  expect(world.layout).toEqual({ n1: 3 });
});
