import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";

const id = "shop-web-a";
const running = (count: number, cpu = 9) => {
  const world = new World().node("n1", cpu).node("n2", cpu).deploy(id, count);
  world.settle();
  return world;
};
const versions = (world: World) =>
  world.staying(id).map((one) => {
    const { version, deployment } = world.zone.workloads.get(one)!;
    return deployment.contents.get(version)?.template.release;
  });
const steps = (decided: ReturnType<World["passes"]>) =>
  only(decided, "RolloutStepped").map(({ step }) => step);
const back = { onFailure: "rollback" } as const;
const rolloutOf = (world: World) => world.zone.deployments.get(id)?.rollout;

test("a release that fails goes back by itself: the old never stopped serving", () => {
  const world = running(3);
  world.upgrade(id, "v2", 1, back).passes();
  const decided = world.failed("shop-web-a-4").settle();
  expect(steps(decided)).toEqual(["rolling_back", "rolled_back"]);
  expect(only(decided, "RolloutStepped")).toMatchObject([
    {
      release: "v2",
      rollout: 1,
      back: true,
      fresh: 1,
      stale: 3,
      detail: "shop-web-a-4 on n2: exited with 1",
    },
    { release: "v2", rollout: 1, back: true, fresh: 0, stale: 3 },
  ]);
  expect(only(decided, "RemovalDecided")).toMatchObject([
    { workload: "shop-web-a-4", because: "rolled_back", drain: false },
  ]);
  expect(versions(world)).toEqual(["v1", "v1", "v1"]);
  expect(world.zone.rollouts.size).toBe(0);
});

test("halfway, what went of the old is placed again before the new that serve go", () => {
  const world = running(3);
  world.upgrade(id, "v2", 1, back).passes();
  world.healthy("shop-web-a-4").passes();
  world.failed("shop-web-a-5");
  for (let n = 0; n < 20 && rolloutOf(world); n++) {
    world.passes();
    const serving = [...world.zone.workloads.values()].filter((one) => !one.going && one.phase === "healthy");
    expect(serving.length).toBeGreaterThanOrEqual(3);
    world.agentsCatchUp();
  }
  expect(versions(world)).toEqual(["v1", "v1", "v1"]);
});

test("one that is late goes back with the time it was given", () => {
  const world = running(1);
  world.upgrade(id, "v2", 1, { ...back, healthDeadlineMs: 5_000 }).passes();
  const late = new Map([[id, { workload: "shop-web-a-2", afterMs: 5_000 }]]);
  const decided = world.pass({ stalled: late });
  expect(only(decided, "RolloutStepped")).toMatchObject([
    { step: "rolling_back", detail: "not healthy within 5 s; shop-web-a-2 on n2: it is assigned" },
  ]);
});

test("an abort goes back start-first, and a word that comes too late changes nothing", () => {
  const world = running(2);
  world.upgrade(id, "v2").passes();
  world.healthy("shop-web-a-3").passes();
  const decided = world.say(id, "Abort").settle();
  expect(steps(decided)[0]).toBe("rolling_back");
  expect(steps(decided).at(-1)).toBe("rolled_back");
  expect(only(decided, "PlacementDecided")).toMatchObject([{ release: "v1", because: "rollback" }]);
  expect(versions(world)).toEqual(["v1", "v1"]);
  expect(world.say(id, "Abort").settle()).toEqual([]);
});

test("completed in the same instant as its abort, it goes back all the same", () => {
  const world = running(1);
  world.upgrade(id, "v2").passes();
  world.healthy("shop-web-a-2").pass();
  const completing = world.plan();
  expect(completing.decisions.map(({ event }) => event)).toMatchObject([{ step: "completed" }]);
  world.say(id, "Abort").record(completing);
  world.settle();
  expect(versions(world)).toEqual(["v1"]);
});

test("paused, nothing goes on, and the count is kept with what ran before", () => {
  const world = running(3);
  world.upgrade(id, "v2", 1, back).passes();
  world.say(id, "Pause").healthy("shop-web-a-4");
  expect(world.settle()).toEqual([]);
  expect(versions(world)).toEqual(["v1", "v1", "v1", "v2"]);
  world.scale(id, 5).settle();
  expect(versions(world)).toEqual(["v1", "v1", "v1", "v2", "v1"]);
  world.say(id, "Resume").settle();
  expect(versions(world)).toEqual(["v2", "v2", "v2", "v2", "v2"]);
});

test("a failure while paused is acted upon when it goes on", () => {
  const world = running(2);
  world.upgrade(id, "v2", 1, back).passes();
  world.say(id, "Pause").failed("shop-web-a-3");
  expect(world.settle()).toEqual([]);
  expect(steps(world.say(id, "Resume").settle())).toEqual(["rolling_back", "rolled_back"]);
});

test("a halted one tries again when it is resumed, without what failed", () => {
  const world = running(2);
  world.upgrade(id, "v2").passes();
  world.failed("shop-web-a-3").passes();
  expect(rolloutOf(world)?.step).toBe("halted");
  world.say(id, "Resume").settle();
  expect(versions(world)).toEqual(["v2", "v2"]);
});

test("a halted one goes back when it is aborted", () => {
  const world = running(2);
  world.upgrade(id, "v2").passes();
  world.failed("shop-web-a-3").now().say(id, "Abort").settle();
  expect(versions(world)).toEqual(["v1", "v1"]);
});

test("a canary serves in place of as many old ones, then waits; promoted, the rest follow", () => {
  const world = running(4);
  const decided = world.upgrade(id, "v2", 1, { canary: { percent: 30 } }).settle();
  expect(steps(decided).at(-1)).toBe("canary");
  expect(versions(world).filter((one) => one === "v2")).toHaveLength(2);
  expect(versions(world)).toHaveLength(4);
  expect(world.settle()).toEqual([]);
  world.say(id, "Promote").settle();
  expect(versions(world)).toEqual(["v2", "v2", "v2", "v2"]);
});

test("a canary that fails while it waits goes back; one that is lost is put right", () => {
  const failing = running(3);
  failing.upgrade(id, "v2", 1, { ...back, canary: { count: 1 } }).settle();
  failing.failed("shop-web-a-4").settle();
  expect(versions(failing)).toEqual(["v1", "v1", "v1"]);
  const lost = running(3);
  lost.upgrade(id, "v2", 1, { ...back, canary: { count: 1 } }).settle();
  const { node } = lost.zone.workloads.get("shop-web-a-4")!;
  lost.passes({ liveness: [{ node: node.name, to: "lost", silentMs: 6_000 }] });
  lost.settle();
  expect(versions(lost).sort()).toEqual(["v1", "v1", "v2"]);
});

test("stop-first, at most a batch is missing and never more run than wished", () => {
  const world = running(4);
  world.upgrade(id, "v2", 0, { order: "stop-first", batch: 2 });
  for (let n = 0; n < 30 && rolloutOf(world); n++) {
    world.passes();
    const all = [...world.zone.workloads.values()];
    expect(all.length).toBeLessThanOrEqual(4);
    expect(all.filter((one) => !one.going && one.phase === "healthy").length).toBeGreaterThanOrEqual(2);
    world.agentsCatchUp();
  }
  expect(versions(world)).toEqual(["v2", "v2", "v2", "v2"]);
});

test("stop-first needs no room for one more", () => {
  const world = running(2, 1);
  world.upgrade(id, "v2", 0, { order: "stop-first", batch: 1 }).settle();
  expect(versions(world)).toEqual(["v2", "v2"]);
});

test("no more than a batch is on its way to health, however large the surge", () => {
  const world = running(4);
  world.upgrade(id, "v2", 3, { batch: 1 });
  expect(only(world.passes(), "PlacementDecided")).toMatchObject([
    { placed: [{ workload: "shop-web-a-5" }] },
  ]);
  expect(world.passes()).toEqual([]);
  world.settle();
  expect(versions(world)).toEqual(["v2", "v2", "v2", "v2"]);
});

test("another size is booked by the new workloads, and given back when it goes back", () => {
  const world = running(2, 4);
  world.upgrade(id, "v2", 1, { ...back, resources: { cpu: 2, memoryMib: 100 } }).passes();
  world.healthy("shop-web-a-3").passes();
  const booked = () => [...world.zone.nodes.values()].reduce((sum, node) => sum + node.books.booked.milli, 0);
  expect(booked()).toBe(1_000 + 1_000 + 2_000 + 2_000);
  world.failed("shop-web-a-4").settle();
  expect(versions(world)).toEqual(["v1", "v1"]);
  expect(booked()).toBe(2_000);
});

test("when what ran before fails, too, going back is halted, and what is new goes on serving", () => {
  const world = running(2);
  world.upgrade(id, "v2").passes();
  world.healthy("shop-web-a-3").passes();
  world.say(id, "Abort").passes();
  for (let n = 0; n < 10 && rolloutOf(world)?.step !== "halted"; n++) {
    const tried = [...world.zone.workloads.values()].find((one) => !one.going && one.phase === "assigned");
    if (tried) world.failed(tried.id);
    for (const { id: gone, stopping } of [...world.zone.workloads.values()]) if (stopping) world.gone(gone);
    world.passes();
  }
  expect(rolloutOf(world)).toMatchObject({ step: "halted", back: true });
  expect(versions(world)).toContain("v2");
  world.say(id, "Abort").settle();
  expect(versions(world)).toEqual(["v1", "v1"]);
});

test("the first step names why the change may cost requests", () => {
  const world = running(1);
  const decided = world.upgrade(id, "v2", 0, { order: "stop-first" }).passes();
  const [started] = only(decided, "RolloutStepped");
  expect(started?.risks?.map(({ reason }) => reason)).toEqual(["stop_first", "no_health_check", "no_route"]);
});
