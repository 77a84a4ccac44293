import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";

const running = (count: number, cpu = 9) => {
  const world = new World().node("n1", cpu).node("n2", cpu).deploy("shop-web-a", count);
  world.settle();
  return world;
};
const steps = (world: World, signals = {}) =>
  only(world.passes(signals), "RolloutStepped").map(({ step, fresh, stale }) => [step, fresh, stale]);
const versions = (world: World) =>
  world.staying("shop-web-a").map((id) => {
    const { version, deployment } = world.zone.workloads.get(id)!;
    return deployment.contents.get(version)?.template.release;
  });

test("an upgrade places a fresh workload first and takes an old one only when it is healthy", () => {
  const world = running(2);
  world.upgrade("shop-web-a", "v2");
  expect(steps(world)).toEqual([
    ["started", 0, 2],
    ["placing", 1, 2],
  ]);
  expect(world.passes()).toEqual([]);
  world.healthy("shop-web-a-3");
  expect(steps(world)).toEqual([
    ["retiring", 1, 1],
    ["placing", 2, 1],
  ]);
  world.healthy("shop-web-a-4");
  expect(steps(world)).toEqual([
    ["retiring", 2, 0],
    ["completed", 2, 0],
  ]);
  expect(world.settle()).toEqual([]);
  expect(world.layout).toEqual({ n1: 1, n2: 1 });
});

test("no more than surge run above the count, never fewer than the count serve", () => {
  const world = running(4);
  world.upgrade("shop-web-a", "v2", 2);
  for (let n = 0; n < 20 && world.zone.deployments.get("shop-web-a")?.rollout; n++) {
    world.passes();
    const staying = [...world.zone.workloads.values()].filter(({ going }) => !going);
    expect(staying.length).toBeLessThanOrEqual(6);
    expect(staying.filter(({ phase }) => phase === "healthy").length).toBeGreaterThanOrEqual(4);
    const next = staying.find(({ phase }) => phase === "assigned");
    if (next) world.healthy(next.id);
    for (const { id, stopping } of [...world.zone.workloads.values()]) if (stopping) world.gone(id);
  }
  expect(versions(world)).toEqual(["v2", "v2", "v2", "v2"]);
});

test("the decision names what the upgrade carries out", () => {
  const world = running(1);
  world.upgrade("shop-web-a", "v2");
  const templateSeq = world.seq;
  const decided = world.passes();
  expect(only(decided, "PlacementDecided")).toMatchObject([
    { because: "upgrade", release: "v2", templateSeq },
  ]);
  expect(only(decided, "RolloutStepped")[1]).toMatchObject({ release: "v2", templateSeq });
});

test("a routed workload serves when every live load balancer has applied the table with it", () => {
  const world = new World().node("n1", 9).route().elb("e1", 1).elb("e2", 1).deploy("shop-web-a", 1);
  world.settle();
  world.upgrade("shop-web-a", "v2").passes();
  world.healthy("shop-web-a-2");
  const healthySeq = world.seq;
  const applied = (e1: number, e2: number) => ({
    elbs: new Map([
      ["e1", e1],
      ["e2", e2],
    ]),
  });
  const found = (signals: object) => world.plan(signals).decisions.map(({ event }) => event.type);
  expect(found(applied(healthySeq, healthySeq - 1))).toEqual([]);
  expect(found({ elbs: new Map() })).toEqual([]); // Nobody to ask is not a yes.
  expect(found(applied(healthySeq, healthySeq))).toContain("RemovalDecided");
  world.elb("e2", healthySeq);
  const decided = world.passes(applied(healthySeq, healthySeq));
  expect(only(decided, "RolloutStepped")[0]).toMatchObject({
    step: "retiring",
    elbs: [
      { elb: "e1", appliedSeq: healthySeq },
      { elb: "e2", appliedSeq: healthySeq },
    ],
  });
  expect(only(decided, "RemovalDecided")).toMatchObject([{ drain: true, because: "upgraded" }]);
});

test("a fresh workload that fails for good halts the upgrade: nothing more goes, the old serve", () => {
  const world = running(2);
  world.upgrade("shop-web-a", "v2").passes();
  world.failed("shop-web-a-3");
  const decided = world.passes();
  expect(decided).toMatchObject([
    {
      type: "RolloutStepped",
      step: "halted",
      fresh: 1,
      stale: 2,
      detail: "shop-web-a-3 on n1: exited with 1",
    },
  ]);
  expect(world.settle()).toEqual([]);
  expect(versions(world)).toEqual(["v1", "v1", "v2"]);
});

test("while halted, the count is kept with the release that worked", () => {
  const world = running(2);
  world.upgrade("shop-web-a", "v2").passes();
  world.failed("shop-web-a-3").passes();
  world.failed("shop-web-a-1").settle();
  expect(versions(world)).toEqual(["v1", "v2", "v1"]);
  world.scale("shop-web-a", 3).settle(); // Asking for a number cleans up what the upgrade failed with.
  expect(versions(world)).toEqual(["v1", "v1", "v1"]);
  world.scale("shop-web-a", 0).settle();
  expect(versions(world)).toEqual([]);
});

test("a new upgrade supersedes a halted one", () => {
  const world = running(2);
  world.upgrade("shop-web-a", "v2").passes();
  world.failed("shop-web-a-3").passes();
  world.upgrade("shop-web-a", "v3").settle();
  expect(versions(world)).toEqual(["v3", "v3"]);
});

test("a new upgrade supersedes a running one; a step of the older one does not end it", () => {
  const world = running(1);
  world.upgrade("shop-web-a", "v2").passes();
  world.healthy("shop-web-a-2").pass();
  const completing = world.plan();
  expect(
    only(
      completing.decisions.map(({ event }) => event),
      "RolloutStepped",
    ),
  ).toMatchObject([{ step: "completed" }]);
  world.upgrade("shop-web-a", "v3");
  world.record(completing);
  world.settle();
  expect(versions(world)).toEqual(["v3"]);
});

test("an upgrade to the same release replaces every workload", () => {
  const world = running(2);
  world.upgrade("shop-web-a", "v1").settle();
  expect(world.staying("shop-web-a")).toEqual(["shop-web-a-3", "shop-web-a-4"]);
});

test("failed old workloads make room at once: they serve nobody", () => {
  const world = running(2, 1);
  world.failed("shop-web-a-1", "shop-web-a-2");
  world.upgrade("shop-web-a", "v2").settle();
  expect(versions(world)).toEqual(["v2", "v2"]);
});

test("without room for one more, the upgrade waits and says so; the old serve", () => {
  const world = running(2, 1);
  world.upgrade("shop-web-a", "v2");
  const decided = world.settle();
  expect(only(decided, "PlacementDeferred")).toMatchObject([{ waiting: 1 }]);
  expect(versions(world)).toEqual(["v1", "v1"]);
  world.node("n3", 1).settle();
  expect(versions(world)).toEqual(["v2", "v2"]);
});

test("nodes_limit does not count what the upgrade is about to retire", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 2, { nodesLimit: 1 });
  world.settle();
  world.upgrade("shop-web-a", "v2").settle();
  expect(versions(world)).toEqual(["v2", "v2"]);
  expect(world.layout).toEqual({ n1: 1, n2: 1 });
});

test("scaling during an upgrade ends at the new count of the new release", () => {
  for (const count of [0, 1, 5]) {
    const world = running(3);
    world.upgrade("shop-web-a", "v2").passes();
    world.scale("shop-web-a", count).settle();
    expect(versions(world)).toEqual(Array(count).fill("v2"));
    expect(world.zone.rollouts.size).toBe(0);
  }
});

test("a node lost during an upgrade does not take the count down", () => {
  const world = running(4);
  world.upgrade("shop-web-a", "v2").passes();
  world.passes({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  world.settle();
  expect(world.layout).toEqual({ n2: 4 });
  expect(versions(world)).toEqual(["v2", "v2", "v2", "v2"]);
});

test("until the new release serves, what a lost node took of the old one comes back as the old one", () => {
  const world = new World().node("n1", 9).node("n2", 9).node("n3", 9).deploy("shop-web-a", 3);
  world.settle();
  world.upgrade("shop-web-a", "v2").passes();
  const decided = world.passes({ liveness: [{ node: "n3", to: "lost", silentMs: 6_000 }] });
  expect(only(decided, "PlacementDecided")).toMatchObject([{ release: "v1", because: "node_lost" }]);
  expect(only(decided, "RemovalDecided")).toMatchObject([{ workload: "shop-web-a-3", because: "node_lost" }]);
  expect(versions(world)).toEqual(["v1", "v1", "v2", "v1"]);
  expect(world.passes()).toEqual([]);
  world.healthy("shop-web-a-4").settle();
  expect(versions(world)).toEqual(["v2", "v2", "v2"]);
});

test("where there is no room for the old one, the upgrade goes on with the new release", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 2, { nodesLimit: 1 });
  world.settle();
  world.passes({ liveness: [{ node: "n2", to: "lost", silentMs: 6_000 }] });
  world.upgrade("shop-web-a", "v2");
  expect(only(world.passes(), "PlacementDecided")).toMatchObject([
    { release: "v2", placed: [{ node: "n1" }] },
  ]);
});

test("without room for old and new, an upgrade with a lost node waits, and says so once", () => {
  const world = new World().node("n1", 3).node("n2", 1).deploy("shop-web-a", 4);
  world.settle();
  world.passes({ liveness: [{ node: "n2", to: "lost", silentMs: 6_000 }] });
  world.upgrade("shop-web-a", "v2", 3);
  expect(only(world.passes(), "PlacementDeferred")).toMatchObject([{ waiting: 4 }]);
});

test("an upgrade without progress for too long halts and says which workload is slow", () => {
  const world = running(1);
  world.upgrade("shop-web-a", "v2").passes();
  world.fact({
    type: "ContainerUnhealthy",
    node: "n2",
    workload: "shop-web-a-2",
    generation: 1,
    attempt: 1,
    reason: "GET / answered 500",
  });
  expect(
    world.passes({ stalled: new Map([["shop-web-a", { workload: "shop-web-a-2", afterMs: 300_000 }]]) }),
  ).toMatchObject([
    { step: "halted", detail: "not healthy within 300 s; shop-web-a-2 on n2: GET / answered 500" },
  ]);
});

test("an upgrade of a deployment with nothing running is complete when what it wants runs", () => {
  const world = new World().deploy("shop-web-a", 1);
  world.passes();
  world.upgrade("shop-web-a", "v2").passes();
  world.node("n1", 9).settle();
  expect(versions(world)).toEqual(["v2"]);
  expect(world.zone.rollouts.size).toBe(0);
});
