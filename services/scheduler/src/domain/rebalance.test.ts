import type { RebalanceGoal } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { only, template, World } from "../testkit/world.ts";
import { rebalance } from "./rebalance.ts";

const planned = (world: World, goal: RebalanceGoal = "even", movesMax = 100) => {
  const reply = rebalance(world.zone, { rebalance: "p", goal, movesMax });
  if (!reply) throw new Error("no pod p");
  return reply;
};

/** Asks for what was planned, as command-api records it. */
const ask = (world: World, { moves, goal, atSeq }: ReturnType<typeof planned>) =>
  world.append("eru.pod.p", {
    type: "RebalanceRequested",
    pod: "p",
    goal,
    moves: moves.map(({ gain: _, ...move }) => move),
    atSeq,
  });

/** Everything on the first of the nodes, the others came later. */
const crowdedWorld = (count: number) => {
  const world = new World().node("n1", 20).deploy("shop-web-a", count);
  world.settle();
  return world.node("n2", 20).node("n3", 20);
};

test("what its strategy would spread now is spread, with the gain of each move", () => {
  const reply = planned(crowdedWorld(6));
  expect(reply.moves).toHaveLength(4);
  expect(reply.moves[0]).toEqual({
    deployment: "shop-web-a",
    workload: "shop-web-a-6",
    from: "n1",
    to: "n2",
    gain: "shop/web: 6 on n1, 0 on n2",
  });
  expect(reply.before).toMatchObject({ crowded: 4, emptyNodes: 2 });
  expect(reply.after).toMatchObject({ crowded: 0, unevenness: 0, emptyNodes: 0 });
  expect(reply.more).toBe(false);
});

test("the budget bounds the moves and says that there are more", () => {
  const reply = planned(crowdedWorld(6), "even", 2);
  expect(reply.moves).toHaveLength(2);
  expect(reply.more).toBe(true);
});

test("moves go start-first, one of a deployment after the other, and end as planned", () => {
  const world = crowdedWorld(6);
  ask(world, planned(world));
  const healthy = () =>
    [...world.zone.workloads.values()].filter(({ going, phase }) => !going && phase === "healthy").length;
  const decided = [];
  for (let n = 0; n < 40; n++) {
    decided.push(...world.passes());
    expect(healthy()).toBeGreaterThanOrEqual(6);
    expect(world.zone.workloads.size).toBeLessThanOrEqual(8);
    world.agentsCatchUp();
  }
  expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
  expect(only(decided, "PlacementDecided").map(({ because, instead }) => [because, instead])).toEqual([
    ["rebalanced", "shop-web-a-3"],
    ["rebalanced", "shop-web-a-4"],
    ["rebalanced", "shop-web-a-5"],
    ["rebalanced", "shop-web-a-6"],
  ]);
  expect(only(decided, "RemovalDecided").map(({ workload, because }) => [workload, because])).toEqual([
    ["shop-web-a-3", "rebalanced"],
    ["shop-web-a-4", "rebalanced"],
    ["shop-web-a-5", "rebalanced"],
    ["shop-web-a-6", "rebalanced"],
  ]);
  expect(planned(world).moves).toEqual([]);
});

test("the decisions follow from the request, and the old one goes behind the barrier of the load balancers", () => {
  const world = crowdedWorld(2).route().elb("edge", 1);
  const elbs = { elbs: new Map([["edge", world.seq]]) };
  const seq = ask(world, planned(world));
  const [placed] = world.plan(elbs).decisions;
  expect(placed?.cause).toMatchObject({ causationId: `m${seq}/0` });
  world.passes(elbs);
  world.healthy("shop-web-a-3");
  expect(world.passes(elbs)).toEqual([]);
  const known = { elbs: new Map([["edge", world.seq]]) };
  world.elb("edge", world.seq);
  expect(only(world.passes(known), "RemovalDecided")).toMatchObject([
    { workload: "shop-web-a-2", because: "rebalanced", drain: true, elbs: [{ elb: "edge" }] },
  ]);
});

test("a node that is much fuller than another gives to it", () => {
  const world = new World().node("n1", 10).deploy("shop-web-a", 1, { resources: { cpu: 4, memoryMib: 10 } });
  world.deploy("shop-api-b", 1, {
    template: template("v1", { entrypointName: "api" }),
    resources: { cpu: 3, memoryMib: 10 },
  });
  world.settle();
  const reply = planned(world.node("n2", 10));
  expect(reply.moves).toMatchObject([{ from: "n1", to: "n2", gain: "n1 is 35 % full, n2 0 %" }]);
  expect(reply.moves).toHaveLength(1);
  expect(reply.after.unevenness).toBeLessThan(reply.before.unevenness);
});

test("nodes are emptied whole or not at all, and into no empty one", () => {
  const world = new World().node("n1", 4).node("n2", 4).node("n3", 4).node("n4", 4);
  world.deploy("shop-web-a", 4).settle();
  const reply = planned(world, "empty");
  expect(reply.moves.map(({ from, to }) => [from, to])).toEqual([
    ["n1", "n2"],
    ["n3", "n2"],
    ["n4", "n2"],
  ]);
  expect(reply.emptied).toEqual(["n1", "n3", "n4"]);
  expect(reply.after.emptyNodes).toBe(3);
  expect(planned(world, "empty", 2).emptied).toEqual(["n1", "n3"]);
});

test("what has volumes, is being upgraded or is not healthy stays, and the answer counts it", () => {
  const world = new World().node("n1", 20, 10_000, {
    resources: { cpu: 20, memoryMib: 10_000, volumes: [{ path: "/mnt", sizeMib: 9_000 }] },
  } as never);
  world
    .deploy("shop-web-a", 3, {
      resources: { cpu: 1, memoryMib: 10, volumes: [{ to: "/data", sizeMib: 10 }] },
    })
    .deploy("shop-web-b", 2)
    .settle();
  world.failed("shop-web-b-2");
  const reply = planned(world.node("n2", 20));
  expect(reply.staying).toEqual({ "it has volumes: its data is on its node": 3, "it is not healthy": 1 });
  expect(reply.moves).toMatchObject([{ workload: "shop-web-b-1" }]);
});

test("a move that cannot be made any more is dropped with the reason, and the next one is tried", () => {
  const world = crowdedWorld(3);
  ask(world, planned(world));
  world.nodeEvent({ type: "NodeCordoned", node: "n2", reason: "disk" });
  const decided = world.settle();
  expect(only(decided, "MoveDropped")).toMatchObject([
    { workload: "shop-web-a-3", to: "n2", detail: "n2: cordoned: disk" },
  ]);
  expect(world.layout).toEqual({ n1: 2, n3: 1 });
  expect(only(decided, "PlacementDeferred")).toEqual([]);
});

test("a replacement that fails leaves the old one where it is, and is not tried again", () => {
  const world = crowdedWorld(2);
  ask(world, planned(world));
  world.passes();
  world.failed("shop-web-a-3");
  const decided = world.settle();
  expect(only(decided, "MoveDropped")).toMatchObject([{ workload: "shop-web-a-2" }]);
  expect(world.staying("shop-web-a")).toEqual(["shop-web-a-1", "shop-web-a-2"]);
});

test("an upgrade goes before the moves of what it replaces", () => {
  const world = crowdedWorld(3);
  ask(world, planned(world));
  world.upgrade("shop-web-a", "v2");
  world.settle();
  const { workloads } = world.zone.deployments.get("shop-web-a") ?? { workloads: new Map() };
  expect(workloads.size).toBe(3);
  expect([...workloads.values()].every(({ move }) => move === undefined)).toBe(true);
});

const size = fc.integer({ min: 1, max: 5 });

test("whatever lies where, the moves are allowed, gain, come to an end and are carried out as planned", () => {
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 2, maxLength: 6 }),
      fc.array(
        fc.tuple(size, size, fc.constantFrom("auto" as const, "global" as const, "drained" as const)),
        {
          minLength: 1,
          maxLength: 5,
        },
      ),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom<RebalanceGoal>("even", "empty"),
      (nodes, deployments, movesMax, goal) => {
        const world = new World();
        const half = Math.ceil(nodes.length / 2);
        for (const [at, cpu] of nodes.slice(0, half).entries()) world.node(`n${at}`, cpu);
        for (const [at, [count, cpu, strategy]] of deployments.entries())
          world.deploy(`shop-e${at}-a`, count, {
            strategy,
            template: template("v1", { entrypointName: `e${at}` }),
            resources: { cpu: cpu / 2, memoryMib: 10 },
          });
        world.settle();
        for (const [at, cpu] of nodes.slice(half).entries()) world.node(`m${at}`, cpu * 2);
        world.settle();
        const reply = planned(world, goal, movesMax);
        expect(reply.moves.length).toBeLessThanOrEqual(movesMax);
        expect(new Set(reply.moves.map(({ workload }) => workload)).size).toBe(reply.moves.length);
        if (goal === "empty")
          expect(reply.after.emptyNodes).toBe(reply.before.emptyNodes + reply.emptied.length);
        // What waits for room takes what a move frees.
        if (reply.moves.length === 0 || world.zone.pods.get("p")?.waiting.size) return;
        const layout = world.layout;
        for (const { from, to } of reply.moves) {
          layout[from] = (layout[from] ?? 0) - 1;
          layout[to] = (layout[to] ?? 0) + 1;
        }
        const count = world.zone.workloads.size;
        ask(world, reply);
        const decided = world.settle();
        expect(world.zone.workloads.size).toBe(count);
        // What was planned after each other may begin at once: then something may have to stay.
        if (only(decided, "MoveDropped").length === 0)
          expect(world.layout).toEqual(
            Object.fromEntries(Object.entries(layout).filter(([, many]) => many > 0)),
          );
      },
    ),
    { numRuns: 200 },
  );
});
