import { describe, expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";
import { drainForecast, dryRun } from "./dry-run.ts";
import { whyNot } from "./why-not.ts";

// FILL and EACH in whole passes; the choice of nodes has tests of its own.

const id = "shop-web-a";
const none = { includes: [], excludes: [], labels: {} };
const three = () => new World().node("n1", 4).node("n2", 4).node("n3", 4);
const label = (world: World, node: string, labels: Record<string, string>) =>
  world.nodeEvent({ type: "NodeLabelled", node, labels });

describe("one set on every node that fits", () => {
  test("every node gets its set, and a node that comes later gets its own", () => {
    const world = three().deploy(id, 2, { strategy: "each" });
    const decided = world.settle();
    expect(only(decided, "SetsDecided")).toMatchObject([
      { perNode: 2, nodesChosen: 3, nodesLacking: 0, wanted: 6, detail: "" },
    ]);
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
    world.node("n4", 4).settle();
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2, n4: 2 });
  });

  test("a node that no longer fits the request loses its set, and nothing comes elsewhere", () => {
    const world = three();
    label(world, "n1", { disk: "ssd" });
    label(world, "n2", { disk: "ssd" });
    world.deploy(id, 2, { strategy: "each", filter: { ...none, labels: { disk: "ssd" } } }).settle();
    expect(world.layout).toEqual({ n1: 2, n2: 2 });
    label(world, "n1", {});
    const decided = world.settle();
    expect(only(decided, "RemovalDecided").map(({ node, because }) => [node, because])).toEqual([
      ["n1", "other_nodes"],
      ["n1", "other_nodes"],
    ]);
    expect(world.layout).toEqual({ n2: 2 });
    label(world, "n3", { disk: "ssd" });
    world.settle();
    expect(world.layout).toEqual({ n2: 2, n3: 2 });
  });

  test("a cordoned node keeps what it has and gets nothing more", () => {
    const world = three().deploy(id, 1, { strategy: "each" });
    world.settle();
    world.nodeEvent({ type: "NodeCordoned", node: "n1", reason: "disk" });
    world.scale(id, 2).settle();
    expect(world.layout).toEqual({ n1: 1, n2: 2, n3: 2 });
    world.scale(id, 0).settle();
    world.scale(id, 1).settle();
    expect(world.layout).toEqual({ n2: 1, n3: 1 });
    world.nodeEvent({ type: "NodeUncordoned", node: "n1" }).settle();
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
  });

  test("a draining node loses its set without a replacement elsewhere; afterwards it gets it again", () => {
    const world = three().deploy(id, 2, { strategy: "each" });
    world.settle();
    expect(drainForecast(world.zone, "n1")?.deployments).toMatchObject([
      { deployment: id, workloads: 2, placed: [], stuck: 0, dropped: 2 },
    ]);
    world.nodeEvent({ type: "DrainRequested", node: "n1", reason: "" });
    const decided = world.settle();
    expect(only(decided, "RemovalDecided").map(({ because }) => because)).toEqual([
      "drained_node",
      "drained_node",
    ]);
    expect(world.layout).toEqual({ n2: 2, n3: 2 });
    world.nodeEvent({ type: "DrainCancelled", node: "n1" }).settle();
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
  });

  test("what a lost node has stays its own until it is back", () => {
    const world = three().deploy(id, 1, { strategy: "each" });
    world.settle();
    const decided = world.settle({ liveness: [{ node: "n1", to: "lost", silentMs: 9_000 }] });
    expect(only(decided, "PlacementDecided")).toEqual([]);
    expect(only(decided, "RemovalDecided")).toEqual([]);
    expect(only(decided, "SetsDecided")).toMatchObject([{ nodesChosen: 2, wanted: 2 }]);
    world.settle({ liveness: [{ node: "n1", to: "alive" }] });
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
    expect(world.staying(id)).toHaveLength(3);
  });

  test("scaling is per node, and takes from each node what is too much there", () => {
    const world = three().deploy(id, 1, { strategy: "each" });
    world.settle();
    world.scale(id, 3).settle();
    expect(world.layout).toEqual({ n1: 3, n2: 3, n3: 3 });
    world.scale(id, 2).settle();
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
    world.scale(id, 0).settle();
    expect(world.layout).toEqual({});
  });

  test("a failed one is replaced on its own node", () => {
    const world = three().deploy(id, 1, { strategy: "each" });
    world.settle();
    const [first] = world.staying(id);
    const node = world.zone.workloads.get(first ?? "")?.node.name;
    world.failed(first ?? "").settle();
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
    expect(world.zone.workloads.get(`${id}-4`)?.node.name).toBe(node);
  });
});

describe("so many nodes", () => {
  const two = { strategy: "each", nodesLimit: 2 } as const;

  test("the nodes with the most room are chosen and stay chosen", () => {
    const world = new World().node("n1", 4).node("n2", 9).node("n3", 8).deploy(id, 2, two);
    world.settle();
    expect(world.layout).toEqual({ n2: 2, n3: 2 });
    world.node("n4", 99).settle();
    expect(world.layout).toEqual({ n2: 2, n3: 2 });
  });

  test("a lost node is replaced by another, and the set there stays", () => {
    const world = three().deploy(id, 2, two);
    world.settle();
    expect(world.layout).toEqual({ n1: 2, n2: 2 });
    world.settle({ liveness: [{ node: "n1", to: "lost", silentMs: 9_000 }] });
    expect(world.layout).toEqual({ n2: 2, n3: 2 });
    world.settle({ liveness: [{ node: "n1", to: "alive" }] });
    expect(world.layout).toEqual({ n2: 2, n3: 2 });
  });

  test("a draining node's set moves: the new ones serve before the old ones go", () => {
    const world = three().deploy(id, 1, two);
    world.settle();
    expect(drainForecast(world.zone, "n1")?.deployments).toMatchObject([
      { workloads: 1, placed: [{ node: "n3", count: 1 }], stuck: 0 },
    ]);
    world.nodeEvent({ type: "DrainRequested", node: "n1", reason: "" });
    const placed = world.passes();
    expect(only(placed, "PlacementDecided")).toMatchObject([{ because: "drained_node" }]);
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
    world.settle();
    expect(world.layout).toEqual({ n2: 1, n3: 1 });
  });

  test("with no other node a draining one's set stays and says why", () => {
    const world = new World().node("n1", 4).node("n2", 4).deploy(id, 1, two);
    world.settle();
    world.nodeEvent({ type: "DrainRequested", node: "n1", reason: "" });
    const decided = world.settle();
    expect(only(decided, "PlacementDeferred")).toMatchObject([{ waiting: 1 }]);
    expect(world.layout).toEqual({ n1: 1, n2: 1 });
  });

  test("fewer nodes with room for a whole set than asked for: refused as a whole, when it does not wait", () => {
    const world = new World()
      .node("n1", 4)
      .node("n2", 1)
      .deploy(id, 2, { ...two, onShortage: "refuse" });
    const decided = world.settle();
    expect(only(decided, "PlacementRefused")).toMatchObject([
      { refused: 2, reasons: { wanted: 4, sets: { perNode: 2, nodesChosen: 1, nodesLacking: 1 } } },
    ]);
    expect(only(decided, "PlacementDecided")).toEqual([]);
    expect(world.layout).toEqual({});
  });

  test("or placed as far as it goes, and the rest waits until a node comes", () => {
    const world = new World().node("n1", 4).node("n2", 1).deploy(id, 2, two);
    const decided = world.settle();
    expect(only(decided, "PlacementDecided")).toMatchObject([{ waiting: 2 }]);
    const [reasons] = only(decided, "PlacementDecided").map((one) => one.reasons);
    expect(reasons?.rejected).toEqual([
      { node: "n1", filter: "set", detail: "set: it has what it shall have, 2 per node" },
      { node: "n2", filter: "set", detail: "set: room for 1 of a set of 2" },
    ]);
    expect(reasons?.wouldHelp).toEqual(["free room for a whole set of 2 on n2"]);
    world.node("n3", 4).settle();
    expect(world.layout).toEqual({ n1: 2, n3: 2 });
  });
});

describe("no room on a node that fits", () => {
  test("it waits, the others have theirs", () => {
    const world = new World().node("n1", 4).node("n2", 1).deploy(id, 2, { strategy: "each" });
    const decided = world.settle();
    expect(world.layout).toEqual({ n1: 2, n2: 1 });
    expect(only(decided, "PlacementDecided")[0]).toMatchObject({
      waiting: 1,
      reasons: { wouldHelp: [expect.stringContaining("n2")] },
    });
    world.nodeEvent({ type: "NodeResourcesSet", node: "n2", resources: { cpu: 2, memoryMib: 9_000 } });
    world.settle();
    expect(world.layout).toEqual({ n1: 2, n2: 2 });
  });

  test("a scale-up that does not fit everywhere is refused per node, and what was granted stays", () => {
    const world = new World().node("n1", 4).node("n2", 2).deploy(id, 2, {
      strategy: "each",
      onShortage: "refuse",
    });
    world.settle();
    const decided = world.scale(id, 3).settle();
    expect(only(decided, "PlacementRefused")).toMatchObject([{ refused: 1 }]);
    expect(world.layout).toEqual({ n1: 2, n2: 2 });
    // What comes later waits like everything that was granted.
    const later = world.node("n3", 1).settle();
    expect(only(later, "PlacementRefused")).toEqual([]);
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 1 });
  });
});

describe("FILL", () => {
  const others = () =>
    three()
      .deploy("shop-web-o", 2, { filter: { ...none, includes: ["n1"] } })
      .now();

  test("counts what others have of the same app and entrypoint", () => {
    const world = others().deploy(id, 3, { strategy: "fill" });
    world.settle();
    expect(world.layout).toEqual({ n1: 3, n2: 3, n3: 3 });
    expect(world.staying(id)).toHaveLength(7);
    world.scale("shop-web-o", 1).settle();
    expect(world.layout).toEqual({ n1: 3, n2: 3, n3: 3 });
    expect(world.staying(id)).toHaveLength(8);
  });

  test("with nothing to do it is accepted and says so", () => {
    const world = others().deploy(id, 2, { strategy: "fill", nodesLimit: 1, onShortage: "refuse" });
    const decided = world.settle();
    expect(decided).toMatchObject([
      {
        type: "SetsDecided",
        ...{ perNode: 2, nodesChosen: 1, wanted: 0 },
        detail: "nothing to place: every chosen node has what it shall have",
      },
    ]);
    expect(world.plan().decisions).toEqual([]);
  });

  test("two of them do not give way to each other in turns", () => {
    const world = three().deploy(id, 2, { strategy: "fill" }).deploy("shop-web-b", 3, { strategy: "fill" });
    world.settle();
    expect(world.layout).toEqual({ n1: 3, n2: 3, n3: 3 });
    expect(world.staying("shop-web-b")).toHaveLength(3);
    world.scale(id, 3).settle();
    expect(world.layout).toEqual({ n1: 3, n2: 3, n3: 3 });
    expect(world.staying("shop-web-b")).toHaveLength(0);
  });

  test("a request for nodes that nobody fits is refused, or accepted until one does", () => {
    const labels = { disk: "ssd" };
    const refused = three().deploy(id, 1, {
      strategy: "fill",
      onShortage: "refuse",
      filter: { ...none, labels },
    });
    expect(only(refused.settle(), "PlacementRefused")).toHaveLength(1);
    const world = three().deploy(id, 1, { strategy: "fill", filter: { ...none, labels } });
    expect(only(world.settle(), "SetsDecided")).toMatchObject([
      { nodesChosen: 0, detail: "no node fits the request now: one that does gets its set then" },
    ]);
    label(world, "n2", labels);
    world.settle();
    expect(world.layout).toEqual({ n2: 1 });
  });
});

describe("upgrades", () => {
  test("start-first: a new one serves on a node before an old one goes there", () => {
    const world = three().route().elb("lb", 1).deploy(id, 2, { strategy: "each" });
    const elbs = () => ({ elbs: new Map([["lb", world.seq]]) });
    world.settle(elbs());
    world.upgrade(id, "v2");
    for (let n = 0; n < 200; n++) {
      const before = world.seq;
      world.passes(elbs());
      for (const name of ["n1", "n2", "n3"]) expect(world.layout[name]).toBeGreaterThanOrEqual(2);
      expect(world.staying(id).length).toBeLessThanOrEqual(7);
      for (const [workload] of world.due({ elbs: new Map() }))
        world.pass({ stops: new Map([[workload, "drained"]]) });
      for (const one of world.zone.workloads.values())
        if (one.going?.drain && !one.stopping) world.pass({ stops: new Map([[one.id, "drained"]]) });
      world.agentsCatchUp();
      if (world.seq === before) break;
    }
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
    expect(world.zone.deployments.get(id)?.rollout).toBeUndefined();
    const releases = [...world.zone.workloads.values()].map(({ version }) => version);
    expect(new Set(releases)).toEqual(new Set([world.zone.deployments.get(id)?.version]));
  });

  test("stop-first: at most a batch is missing at once, and a full node is upgraded", () => {
    const world = new World().node("n1", 1).node("n2", 1).node("n3", 1).deploy(id, 1, { strategy: "each" });
    world.settle();
    world.upgrade(id, "v2", 0, { order: "stop-first", batch: 1 });
    for (let n = 0; n < 50; n++) {
      world.passes();
      expect(world.staying(id).length).toBeGreaterThanOrEqual(2);
      const before = world.seq;
      world.agentsCatchUp();
      if (world.seq === before) break;
    }
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
    expect(world.zone.deployments.get(id)?.rollout).toBeUndefined();
  });

  test("a canary is so many workloads, one node after the other", () => {
    const world = three().deploy(id, 2, { strategy: "each" });
    world.settle();
    world.upgrade(id, "v2", 1, { canary: { count: 1 } }).settle();
    const { rollout } = world.zone.deployments.get(id) ?? {};
    expect(rollout?.step).toBe("canary");
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
    world.say(id, "Promote").settle();
    expect(world.zone.deployments.get(id)?.rollout).toBeUndefined();
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
  });

  test("a canary that asks for less than what ran waits in peace when a node comes that has room for it alone", () => {
    const world = new World().node("n1", 4).node("n2", 2);
    const ran = { cpu: 2, memoryMib: 100 };
    world.deploy(id, 1, { strategy: "each", nodesLimit: 2, resources: ran }).settle();
    const resources = { cpu: 1, memoryMib: 100 };
    world.upgrade(id, "v2", 1, { canary: { count: 1 }, resources }).settle();
    world.nodeEvent({ type: "NodeRemoved", node: "n2" }).node("n3", 1).settle();
    expect(world.zone.deployments.get(id)?.rollout?.step).toBe("canary");
    expect(world.layout).toEqual({ n1: 1 });
  });

  test("held at its canary, stop-first takes none early: what came in a draining node's place stays", () => {
    const world = three().deploy(id, 2, { strategy: "fill", nodesLimit: 2 });
    world.settle();
    world.upgrade(id, "v2", 0, { canary: { count: 2 }, order: "stop-first", batch: 2 }).settle();
    const deployment = world.zone.deployments.get(id);
    const old = [...(deployment?.workloads.values() ?? [])].find(
      ({ version }) => version === deployment?.stableVersion,
    );
    world.nodeEvent({ type: "DrainRequested", node: old?.node.name ?? "", reason: "" }).settle();
    expect(deployment?.rollout?.step).toBe("canary");
    expect(Object.values(world.layout)).toEqual([2, 2]);
    expect(world.layout).not.toHaveProperty(old?.node.name ?? "");
  });

  test("a failure halts it; what ran goes on everywhere, and going back ends with it", () => {
    const world = three().deploy(id, 2, { strategy: "each" });
    world.settle();
    world.upgrade(id, "v2").now();
    world.failed(`${id}-7`).settle();
    expect(world.zone.deployments.get(id)?.rollout?.step).toBe("halted");
    expect(world.staying(id).filter((one) => one !== `${id}-7`)).toHaveLength(6);
    world.say(id, "Abort").settle();
    expect(world.zone.deployments.get(id)?.rollout).toBeUndefined();
    expect(world.layout).toEqual({ n1: 2, n2: 2, n3: 2 });
  });

  test("a lost node does not keep it from being completed: it gets new ones when it is back", () => {
    const world = three().deploy(id, 1, { strategy: "each" });
    world.settle();
    world.settle({ liveness: [{ node: "n1", to: "lost", silentMs: 9_000 }] });
    world.upgrade(id, "v2").settle();
    expect(world.zone.deployments.get(id)?.rollout).toBeUndefined();
    world.settle({ liveness: [{ node: "n1", to: "alive" }] });
    expect(world.layout).toEqual({ n1: 1, n2: 1, n3: 1 });
  });
});

test("a dry run says where the sets would be, and what would wait", () => {
  const world = new World().node("n1", 4).node("n2", 1).node("n3", 4);
  const { type: _, onShortage: __, ...asked } = world.requestFor(id, 2, { strategy: "each" });
  expect(dryRun(world.zone, asked)).toMatchObject({
    placed: [
      { node: "n1", count: 2 },
      { node: "n2", count: 1 },
      { node: "n3", count: 2 },
    ],
    waiting: 1,
    reasons: { policy: "each-1", wanted: 6, sets: { perNode: 2, nodesChosen: 3, nodesLacking: 0 } },
  });
  const filled = dryRun(world.zone, { ...asked, strategy: "fill", nodesLimit: 1 });
  expect(filled).toMatchObject({ placed: [{ node: "n1", count: 2 }], reasons: { policy: "fill-1" } });
});

test("why not: a node that has its set, one that does not fit and one without room", () => {
  const world = three().node("n4", 4).node("n5", 1);
  label(world, "n4", { disk: "hdd" });
  const filter = { ...none, constraints: [{ label: "disk", op: "not_in" as const, values: ["hdd"] }] };
  world.deploy(id, 2, { strategy: "each", filter }).settle();
  const ask = (node: string) => whyNot(world.zone, { deployment: id, node });
  expect(ask("n1")).toMatchObject({
    ...{ there: 2, wanted: 8, missing: 1 },
    rejections: [{ filter: "set", detail: "set: it has what it shall have, 2 per node" }],
  });
  expect(ask("n4")).toMatchObject({ there: 0, rejections: [{ filter: "constraint" }] });
  expect(ask("n5")).toMatchObject({ there: 1, rejections: [{ filter: "cpu" }] });
});
