import type { NodeFilter } from "@eru/events";
import { expect, test } from "vitest";
import { only, template, World } from "../testkit/world.ts";

const where = (filter: Partial<NodeFilter>, app = "shop") => ({
  template: template("v1", { app }),
  filter: { includes: [], excludes: [], labels: {}, ...filter },
});
const inZone = (zone: string) => ({ labels: { zone } });
const cpus = 20;

test("a taint keeps workloads away that do not tolerate it, and says which", () => {
  const world = new World()
    .node("n1", cpus, 9_999, { labels: { "taint/gpu": "" } })
    .node("n2", cpus)
    .deploy("shop-web-a", 2)
    .deploy("shop-web-b", 2, where({ tolerates: ["gpu"] }))
    .deploy("shop-web-c", 2, where({ tolerates: ["*"], includes: ["n1"] }));
  const [first] = only(world.settle(), "PlacementDecided");
  expect(first?.reasons.rejected).toEqual([
    { node: "n1", filter: "taint", detail: "taint gpu: not tolerated by the request" },
  ]);
  expect(world.layout).toEqual({ n1: 4, n2: 2 });
});

test("what only a taint keeps out is told how to get in", () => {
  const world = new World().node("n1", cpus, 9_999, { labels: { "taint/gpu": "" } }).deploy("shop-web-a", 1);
  const [deferred] = only(world.passes(), "PlacementDeferred");
  expect(deferred?.reasons.wouldHelp[0]).toContain("tolerate the taints of n1");
});

/** A cache on n1, in zone a with n2. */
const withCache = () => {
  const world = new World()
    .node("n1", cpus, 9_999, inZone("a"))
    .node("n2", cpus, 9_999, inZone("a"))
    .node("n3", cpus, 9_999, inZone("b"))
    .deploy("cache-web-a", 1, where({ includes: ["n1"] }, "cache"));
  world.settle();
  return world;
};
const cache = { app: "cache" };
const placedOn = (world: World) => {
  const placed = only(world.passes(), "PlacementDecided").flatMap((one) =>
    one.placed.map(({ node }) => node),
  );
  return placed.sort();
};

test.each([
  ["must", undefined, ["n1", "n1", "n1", "n1"]],
  ["must", "zone", ["n1", "n1", "n2", "n2"]],
  ["must_not", undefined, ["n2", "n2", "n3", "n3"]],
  ["must_not", "zone", ["n3", "n3", "n3", "n3"]],
  ["prefer", "zone", ["n1", "n1", "n2", "n2"]],
  ["avoid", "zone", ["n3", "n3", "n3", "n3"]],
] as const)("%s over %s", (rule, over, nodes) => {
  const affinity = [{ to: cache, rule, ...(over && { over }) }];
  expect(placedOn(withCache().deploy("shop-web-a", 4, where({ affinity })))).toEqual(nodes);
});

test("workloads of the own entrypoint are no neighbours", () => {
  const world = new World().node("n1", cpus).node("n2", cpus);
  world.deploy("shop-web-a", 4, where({ affinity: [{ to: { app: "shop" }, rule: "must_not" }] }));
  world.settle();
  expect(world.layout).toEqual({ n1: 2, n2: 2 });
  world.scale("shop-web-a", 6).settle();
  expect(world.layout).toEqual({ n1: 3, n2: 3 });
});

test("an affinity that no node meets is a reason with what was wanted", () => {
  const world = withCache().deploy(
    "shop-web-a",
    1,
    where({ affinity: [{ to: { app: "db" }, rule: "must" }] }),
  );
  const [deferred] = only(world.passes(), "PlacementDeferred");
  expect(deferred?.reasons.rejected[0]).toMatchObject({
    filter: "affinity",
    detail: "affinity: a workload of db on the node wanted",
  });
  const apart = withCache().deploy("shop-web-a", 1, where({ affinity: [{ to: cache, rule: "must_not" }] }));
  expect(only(apart.passes(), "PlacementDecided")[0]?.reasons.rejected).toMatchObject([
    { node: "n1", detail: "affinity: no workload of cache on the node wanted" },
  ]);
});

test("preferred nodes are filled first, the heavier weight wins, and the rest goes elsewhere", () => {
  const prefer = [
    { constraint: { label: "zone", op: "in" as const, values: ["b"] }, weight: 5 },
    { constraint: { label: "disk", op: "exists" as const } },
  ];
  const world = new World()
    .node("n1", 2, 9_999, { labels: { zone: "a", disk: "ssd" } })
    .node("n2", 2, 9_999, inZone("a"))
    .node("n3", 2, 9_999, inZone("b"))
    .deploy("shop-web-a", 5, where({ prefer }));
  const [decided] = only(world.passes(), "PlacementDecided");
  const got = decided?.reasons.scores.map(({ node, placed, preference }) => [node, placed, preference]);
  expect(got).toEqual([
    ["n1", 2, 1],
    ["n3", 2, 5],
    ["n2", 1, 0],
  ]);
});

test("a spread evens out over the values of a label, what is there included", () => {
  const world = new World()
    .node("n1", cpus, 9_999, inZone("a"))
    .node("n2", cpus, 9_999, inZone("a"))
    .node("n3", cpus, 9_999, inZone("b"))
    .deploy("shop-web-a", 2, where({ includes: ["n1"] }));
  world.settle();
  world.deploy("shop-web-b", 6, where({ spread: { label: "zone" } }));
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(placedBy(decided?.placed ?? [])).toEqual({ n2: 2, n3: 4 });
  expect(decided?.reasons.scores[0]).toMatchObject({ node: "n3", spread: "b" });
});

const placedBy = (placed: readonly { node: string }[]) => {
  const counts: Record<string, number> = {};
  for (const { node } of placed) counts[node] = (counts[node] ?? 0) + 1;
  return counts;
};
