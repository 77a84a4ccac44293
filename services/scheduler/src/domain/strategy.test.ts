import type { Constraint } from "@eru/events";
import { describe, expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";
import { dryRun } from "./dry-run.ts";

// The strategies and constraints in a whole pass; the arithmetic of each strategy has tests of its own.

const busy = () =>
  new World()
    .node("n1", 10, 1_000)
    .node("n2", 10, 1_000)
    .node("n3", 4, 1_000)
    .deploy("shop-web-a", 3, { filter: { includes: ["n1"], excludes: [], labels: {} } })
    .now();

describe("GLOBAL", () => {
  test("evens out how full nodes are by cores and memory alike, and says how full it saw them", () => {
    const world = busy();
    // Half of n2's memory and none of its cores: a quarter full. n1 has 0.3 of both, n3 nothing.
    world.deploy("shop-web-b", 1, {
      resources: { cpu: 0, memoryMib: 500 },
      filter: { includes: ["n2"], excludes: [], labels: {} },
    });
    world.now();
    const [decided] = only(
      world.deploy("shop-web-c", 2, { strategy: "global" }).passes(),
      "PlacementDecided",
    );
    // One workload is 0.1 on n1 and n2 and 0.175 on n3: 0.175 on n3, then 0.35 on n2 or n3 (name).
    expect(decided?.placed.map(({ node }) => node).sort()).toEqual(["n2", "n3"]);
    expect(decided?.reasons.policy).toBe("global-1");
    expect(decided?.reasons.scores).toEqual([
      { node: "n2", count: 1, capacity: 5, placed: 1, usage: 0.25 },
      { node: "n3", count: 0, capacity: 4, placed: 1, usage: 0 },
      { node: "n1", count: 3, capacity: 7, placed: 0, usage: 0.3 },
    ]);
  });

  test("an upgrade leaves the nodes as even as it found them", () => {
    const world = new World().node("n1", 4).node("n2", 4).node("n3", 4);
    world.deploy("shop-web-a", 3, { strategy: "global" }).settle();
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
    world.upgrade("shop-web-a", "v2").settle();
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
  });

  test("what a lost node had goes to the least full of the others", () => {
    const world = busy();
    world.deploy("shop-web-b", 1, { strategy: "global" }).settle();
    expect(world.layout).toEqual({ n1: 3, n2: 1 });
    world.settle({ liveness: [{ node: "n2", to: "lost", silentMs: 9_000 }] });
    expect(world.layout).toEqual({ n1: 3, n3: 1 });
  });

  test("a node that has none of a resource counts as full of it", () => {
    const world = new World().node("n1", 0, 1_000).node("n2", 10, 1_000);
    world.deploy("shop-web-a", 1, { strategy: "global", resources: { cpu: 0, memoryMib: 100 } }).now();
    expect(world.layout).toEqual({ n2: 1 });
  });
});

describe("DRAINED", () => {
  test("uses up the node with the least room, and scaling goes on there", () => {
    const world = busy().deploy("shop-web-b", 3, { strategy: "drained" });
    const [decided] = only(world.passes(), "PlacementDecided");
    expect(decided?.reasons.policy).toBe("drained-1");
    expect(world.layout).toEqual({ n1: 3, n3: 3 });
    world.scale("shop-web-b", 6).now();
    expect(world.layout).toEqual({ n1: 5, n3: 4 });
  });

  test("honours the most workloads on one node, and what fits nowhere waits", () => {
    const world = new World().node("n1", 4).node("n2", 9);
    world.deploy("shop-web-a", 5, { strategy: "drained", nodesLimit: 2 });
    const [decided] = only(world.passes(), "PlacementDecided");
    expect(world.layout).toEqual({ n1: 2, n2: 2 });
    expect(decided).toMatchObject({ waiting: 1, reasons: { rejectedTotals: { nodes_limit: 2 } } });
  });
});

describe("PACK", () => {
  const mixed = () =>
    new World()
      .node("n1", 10, 1_000)
      .node("n2", 10, 1_000)
      .node("n3", 10, 1_000)
      .deploy("shop-web-a", 1, { resources: { cpu: 2, memoryMib: 800 } })
      .now();
  const cores = { cpu: 7, memoryMib: 200 };

  test("goes where what is free is like what is asked for, and says how alike it saw the nodes", () => {
    const world = mixed();
    const [decided] = only(
      world.deploy("shop-web-b", 2, { strategy: "pack", resources: cores }).passes(),
      "PlacementDecided",
    );
    expect(decided?.placed.map(({ node }) => node).sort()).toEqual(["n1", "n2"]);
    expect(decided?.reasons).toMatchObject({
      policy: "pack-1",
      scores: [
        { node: "n1", count: 1, capacity: 1, placed: 1, usage: 0.5, alike: 0.9994 },
        { node: "n2", count: 0, capacity: 1, placed: 1, usage: 0, alike: 0.8742 },
        { node: "n3", count: 0, capacity: 1, placed: 0, usage: 0, alike: 0.8742 },
      ],
    });
  });

  test("what an upgrade will retire counts as gone, and what was packed stays on as few nodes", () => {
    const world = mixed();
    const small = { cpu: 1, memoryMib: 100 };
    world.deploy("shop-web-b", 4, { strategy: "pack", resources: small }).settle();
    expect(world.layout).toEqual({ n1: 3, n2: 2 });
    world.upgrade("shop-web-b", "v2").settle();
    expect(Object.keys(world.layout)).toEqual(["n1", "n2"]);
  });

  test("honours the most workloads on one node, and what fits nowhere waits", () => {
    const world = new World().node("n1", 4).node("n2", 9);
    world.deploy("shop-web-a", 5, { strategy: "pack", nodesLimit: 2 });
    const [decided] = only(world.passes(), "PlacementDecided");
    expect(world.layout).toEqual({ n1: 2, n2: 2 });
    expect(decided).toMatchObject({ waiting: 1, reasons: { rejectedTotals: { nodes_limit: 2 } } });
  });
});

test.each(["global", "drained", "pack"] as const)(
  "%s places a large request in portions as at once",
  (strategy) => {
    const layoutOf = (actionsMax: number) => {
      const world = new World({ actionsMax }).node("n1", 3).node("n2", 5).node("n3", 7, 500);
      return world.deploy("shop-web-a", 9, { strategy }).now().layout;
    };
    expect(layoutOf(2)).toEqual(layoutOf(800));
  },
);

test("a dry run uses the strategy it is asked for", () => {
  const world = busy();
  const asked = (strategy: "auto" | "global" | "drained" | "pack") => {
    const { type: _, onShortage: __, ...request } = world.requestFor("shop-web-x", 4, { strategy });
    return dryRun(world.zone, request).placed;
  };
  expect(asked("auto")).toEqual([
    { node: "n2", count: 2 },
    { node: "n3", count: 2 },
  ]);
  expect(asked("global")).toEqual([
    { node: "n2", count: 3 },
    { node: "n3", count: 1 },
  ]);
  expect(asked("drained")).toEqual([{ node: "n3", count: 4 }]);
  expect(asked("pack")).toEqual([{ node: "n1", count: 4 }]);
});

describe("constraints", () => {
  const labelled = () =>
    new World()
      .node("n1", 9, 9_999, { labels: { zone: "a", cores: "16", kernel: "6.10" } })
      .node("n2", 9, 9_999, { labels: { zone: "b", cores: "8", kernel: "6.9", gpu: "t4" } })
      .node("n3", 9, 9_999, { labels: {} });
  const constrained = (...constraints: Constraint[]) => ({
    filter: { includes: [], excludes: [], labels: {}, constraints },
  });

  test.each<[Constraint, Record<string, number>]>([
    [{ label: "zone", op: "in", values: ["b", "c"] }, { n2: 3 }],
    [
      { label: "zone", op: "not_in", values: ["b"] },
      { n1: 2, n3: 1 },
    ],
    [{ label: "gpu", op: "exists" }, { n2: 3 }],
    [{ label: "zone", op: "not_exists" }, { n3: 3 }],
    [{ label: "cores", op: "gt", values: ["8"] }, { n1: 3 }],
    [{ label: "cores", op: "lt", values: ["16"] }, { n2: 3 }],
    [{ label: "kernel", op: "version", values: [">=6.10"] }, { n1: 3 }],
  ])("%j", (constraint, layout) => {
    expect(labelled().deploy("shop-web-a", 3, constrained(constraint)).now().layout).toEqual(layout);
  });

  test("all must be met, and a rejection names node, label, value and what was wanted", () => {
    const world = labelled().deploy(
      "shop-web-a",
      1,
      constrained(
        { label: "zone", op: "in", values: ["a", "b"] },
        { label: "cores", op: "gt", values: ["32"] },
      ),
    );
    const [deferred] = only(world.passes(), "PlacementDeferred");
    expect(deferred?.reasons.rejectedTotals).toEqual({ constraint: 3 });
    expect(deferred?.reasons.rejected).toEqual([
      { node: "n1", filter: "constraint", detail: 'label cores: a number above 32 wanted, "16" set' },
      { node: "n2", filter: "constraint", detail: 'label cores: a number above 32 wanted, "8" set' },
      { node: "n3", filter: "constraint", detail: 'label zone: one of "a", "b" wanted, not set' },
    ]);
    expect(deferred?.reasons.wouldHelp).toEqual([
      "give n1, n2, n3 labels that meet the constraints, or drop constraints from the request",
    ]);
  });

  test("a waiting deployment is placed once a node gets the label", () => {
    const world = labelled()
      .deploy("shop-web-a", 1, constrained({ label: "ssd", op: "exists" }))
      .now();
    expect(world.layout).toEqual({});
    world.nodeEvent({ type: "NodeLabelled", node: "n3", labels: { ssd: "" } }).now();
    expect(world.layout).toEqual({ n3: 1 });
  });

  test("a label named like a property of every object is not set", () => {
    const world = labelled().deploy("shop-web-a", 1, constrained({ label: "constructor", op: "exists" }));
    expect(world.now().layout).toEqual({});
  });
});
