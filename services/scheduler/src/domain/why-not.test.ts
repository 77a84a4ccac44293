import { WhyNotReply as Reply, type WhyNotReply } from "@eru/events";
import { expect, test } from "vitest";
import { template, World } from "../testkit/world.ts";
import { whyNot } from "./why-not.ts";

const ask = (world: World, node: string, deployment: string): WhyNotReply =>
  Reply.parse(whyNot(world.zone, { node, deployment }));

test("every filter that says no is told with its amounts, and what would help against each", () => {
  const world = new World()
    .node("n1", 2, 250, { labels: { "taint/gpu": "" } })
    .node("n2", 8)
    .deploy("shop-web-a", 3, { resources: { cpu: 2, memoryMib: 200 }, filter: tolerant })
    .now()
    .deploy("shop-web-b", 1, {
      resources: { cpu: 2, memoryMib: 200 },
      template: template("v1", { entrypointName: "api" }),
    })
    .nodeEvent({ type: "NodeCordoned", node: "n1", reason: "disk" });
  expect(ask(world, "n1", "shop-web-b")).toMatchObject({
    there: 0,
    wanted: 1,
    missing: 1,
    rejections: [
      { filter: "taint", detail: "taint gpu: not tolerated by the request" },
      { filter: "cordoned", detail: "cordoned: disk" },
      { filter: "cpu", detail: "cpu: 2 wanted, 0 of 2 free" },
      { filter: "memory", detail: "memory: 200 MiB wanted, 50 of 250 MiB free" },
    ],
    wouldHelp: [
      "tolerate the taints of n1 in the request, or remove the labels taint/… there",
      "uncordon n1",
      expect.stringMatching(/^free 2 more cores and 150 MiB/),
    ],
    first: { node: "n2", placed: 1 },
  });
});

const tolerant = { includes: [], excludes: [], labels: {}, tolerates: ["gpu"] };

test("a node that can take one more is told with its score and its rank, by the strategy that would choose", () => {
  const world = new World().node("n1", 4).node("n2", 9).node("n3", 6).deploy("shop-web-a", 3).now();
  const rankOf = (node: string) => ask(world, node, "shop-web-a").standing?.rank;
  expect(["n1", "n2", "n3"].map(rankOf)).toEqual([3, 1, 2]);
  expect(ask(world, "n3", "shop-web-a")).toMatchObject({
    there: 1,
    missing: 0,
    rejections: [],
    wouldHelp: [],
    candidatesTotal: 3,
    standing: { score: { node: "n3", count: 1, capacity: 5, placed: 0 } },
    first: { node: "n2" },
  });
});

test.each(["auto", "global", "drained", "pack"] as const)(
  "with %s the first in rank is the one that gets the next",
  (strategy) => {
    const world = new World().node("n1", 4).node("n2", 9).node("n3", 6);
    world.deploy("shop-web-a", 4, { strategy }).now();
    const first = ["n1", "n2", "n3"].filter((node) => ask(world, node, "shop-web-a").standing?.rank === 1);
    const before = world.layout;
    world.scale("shop-web-a", 5).now();
    const grown = Object.entries(world.layout).filter(([node, count]) => count > (before[node] ?? 0));
    expect(grown.map(([node]) => node)).toEqual(first);
  },
);

test("what an upgrade is about to retire neither counts nor is in the way of nodesLimit", () => {
  const world = new World().node("n1", 4).deploy("shop-web-a", 1, { nodesLimit: 1 }).now();
  expect(ask(world, "n1", "shop-web-a")).toMatchObject({
    rejections: [{ filter: "nodes_limit", detail: "nodes_limit: 1 of at most 1 are there" }],
    wouldHelp: [expect.stringContaining("raise nodesLimit above 1")],
  });
  world.upgrade("shop-web-a", "v2");
  expect(ask(world, "n1", "shop-web-a")).toMatchObject({ rejections: [], missing: 1, standing: { rank: 1 } });
});

test("a node of another pod, one that nobody measured, and what is not there are told apart", () => {
  const world = new World().node("n1", 4).deploy("shop-web-a", 1);
  world.nodeEvent({ type: "NodeAdded", node: "far", pod: "q", labels: {} });
  world.nodeEvent({ type: "NodeAdded", node: "new", pod: "p", labels: {} });
  expect(ask(world, "far", "shop-web-a").rejections).toEqual([
    { filter: "other_pod", detail: "it is in pod q, the deployment is for nodes of pod p" },
  ]);
  expect(ask(world, "new", "shop-web-a").rejections.map(({ filter }) => filter)).toEqual([
    "not_alive",
    "no_capacity_known",
  ]);
  expect(whyNot(world.zone, { node: "n9", deployment: "shop-web-a" })).toMatchObject({
    code: "node_unknown",
  });
  expect(whyNot(world.zone, { node: "n1", deployment: "shop-web-x" })).toMatchObject({
    code: "deployment_unknown",
  });
  world.now().request({ type: "RemovalRequested", deployment: "shop-web-a" });
  expect(whyNot(world.zone, { node: "n1", deployment: "shop-web-a" })).toMatchObject({
    code: "deployment_unknown",
    error: expect.stringContaining("is removed"),
  });
});
