import type { DecisionEvent, WorkloadChange } from "@eru/events";
import { describe, expect, test } from "vitest";
import { recount } from "../testkit/snapshot.ts";
import { only, World } from "../testkit/world.ts";

const deployment = "shop-web-a";
const [first, second] = [`${deployment}-1`, `${deployment}-2`];
const elbs = (world: World) => new Map([["e1", world.seq]]);

/** Two nodes, healthy workloads of one deployment, routed or not. */
function running(count: number, routed = true): World {
  const world = new World().node("n1", 4).node("n2", 4);
  if (routed) world.route().elb("e1", 1);
  world.deploy(deployment, count).settle({ elbs: elbs(world) });
  return world;
}

const ask = (world: World, workload: string, change: WorkloadChange) =>
  world.request({ type: "WorkloadChangeRequested", deployment, workload, change });
const passes = (world: World) => world.passes({ elbs: elbs(world) });
const drained = (world: World, workload: string, inFlight = 0) => {
  world.append("eru.elb.e1", { type: "EndpointDrained", elb: "e1", workload, inFlight });
  return world.passes({ elbs: elbs(world), stops: new Map(world.due({ elbs: elbs(world) })) as never });
};
const types = (events: readonly DecisionEvent[]) => events.map(({ type }) => type);
const newest = (world: World, workload: string) => {
  const { node } = world.zone.workloads.get(workload)!;
  return world
    .orders(node.name)
    .findLast((event) => event.type !== "SharedCoresAssigned" && event.workload === workload);
};

describe("a restart", () => {
  test("drains what is routed first, then orders the same container to begin anew", () => {
    const world = running(2);
    ask(world, first, "restart");
    expect(passes(world)).toMatchObject([
      { type: "ChangeDecided", workload: first, change: "restart", drain: true, risk: "" },
    ]);
    expect(types(drained(world, first))).toEqual(["ChangeOrdered"]);
    expect(newest(world, first)).toMatchObject({ generation: 2, keep: "restarted" });
    world.healthy(first);
    expect(passes(world)).toEqual([]);
    expect(world.zone.changing.size).toBe(0);
    expect(world.zone.workloads.get(first)).toMatchObject({ phase: "healthy", generation: 2 });
  });

  test("of what is not routed is ordered at once", () => {
    const world = running(1, false);
    ask(world, first, "restart");
    expect(passes(world)).toMatchObject([
      { type: "ChangeDecided", drain: false },
      { type: "ChangeOrdered", because: "not_routed" },
    ]);
  });

  test("of all workloads goes one after another, the next when the one before serves again", () => {
    const world = running(2);
    ask(world, first, "restart");
    ask(world, second, "restart");
    expect(only(passes(world), "ChangeDecided").map(({ workload }) => workload)).toEqual([first]);
    drained(world, first);
    world.healthy(first);
    const healthySeq = world.seq;
    expect(world.passes({ elbs: new Map([["e1", healthySeq - 1]]) })).toEqual([]);
    world.zone.pods.get("p")!.touched.add(deployment);
    expect(only(world.passes({ elbs: new Map([["e1", healthySeq]]) }), "ChangeDecided")).toMatchObject([
      { workload: second },
    ]);
  });

  test("of the only one that serves says what it costs", () => {
    const world = running(1);
    ask(world, first, "restart");
    expect(only(passes(world), "ChangeDecided")[0]?.risk).toMatch(/no other workload .* until it is healthy/);
  });

  test("asked for again while it is under way is not done twice", () => {
    const world = running(2);
    ask(world, first, "restart");
    passes(world);
    ask(world, first, "restart");
    drained(world, first);
    world.healthy(first);
    expect(passes(world)).toEqual([]);
  });

  test("facts of the container as it was say nothing about it as it shall be", () => {
    const world = running(2);
    ask(world, first, "restart");
    passes(world);
    drained(world, first);
    const { node } = world.zone.workloads.get(first)!;
    world.fact({ type: "ContainerHealthy", node: node.name, workload: first, generation: 1, attempt: 1 });
    expect(world.zone.workloads.get(first)?.phase).toBe("assigned");
  });

  test("at the deadline the number in flight is in the decision", () => {
    const world = running(2);
    ask(world, first, "restart");
    passes(world);
    expect(drained(world, first, 3)).toMatchObject([
      { type: "ChangeOrdered", because: "drain_deadline", inFlight: 3 },
    ]);
  });

  test("a removal takes its place, and drains anew", () => {
    const world = running(2);
    ask(world, first, "restart");
    passes(world);
    world.scale(deployment, 0);
    expect(only(passes(world), "RemovalDecided").map(({ workload }) => workload)).toContain(first);
    expect(world.zone.workloads.get(first)?.change).toBeUndefined();
    expect(types(drained(world, first))).toContain("StopDecided");
  });

  test("a report about its drain does not pass for one about a later removal", () => {
    const world = running(2);
    ask(world, first, "restart");
    passes(world);
    const { drain } = world.zone.workloads.get(first)!;
    drained(world, first);
    world.healthy(first).scale(deployment, 0);
    passes(world);
    const cause = { correlationId: "c", causationId: drain ?? "" };
    world.appendCaused(
      "eru.elb.e1",
      { type: "EndpointDrained", elb: "e1", workload: first, inFlight: 0 },
      cause,
    );
    expect(world.due({ elbs: elbs(world) }).map(([id]) => id)).not.toContain(first);
  });
});

describe("a stop", () => {
  test("keeps the booking, is not replaced, and may be undone by a start", () => {
    const world = running(2);
    const before = recount(world.zone).kept;
    ask(world, first, "stop");
    passes(world);
    drained(world, first);
    expect(newest(world, first)).toMatchObject({ keep: "stopped" });
    const { node, generation } = world.zone.workloads.get(first)!;
    world.fact({ type: "ContainerStopped", node: node.name, workload: first, generation, attempt: 1 });
    expect(passes(world)).toEqual([]);
    expect(recount(world.zone).kept).toBe(before);
    ask(world, first, "start");
    expect(types(passes(world))).toEqual(["ChangeDecided", "ChangeOrdered"]);
    expect(newest(world, first)).toMatchObject({ generation: 3, keep: "running" });
    world.healthy(first);
    expect(passes(world)).toEqual([]);
  });

  test("a start of what is not stopped is refused and says so", () => {
    const world = running(1, false);
    ask(world, first, "start");
    expect(passes(world)).toMatchObject([
      { type: "ChangeRefused", detail: expect.stringMatching(/not stopped/) },
    ]);
    expect(passes(world)).toEqual([]);
  });
});

test("a replacement in place orders a new container", () => {
  const world = running(1, false);
  world.request({
    ...{ type: "WorkloadChangeRequested", deployment, workload: first, change: "replace" },
    inherit: { network: true },
  });
  passes(world);
  expect(newest(world, first)).not.toHaveProperty("keep");
  expect(newest(world, first)).toMatchObject({ type: "WorkloadAssigned", generation: 2 });
});

test("what is being removed, or on a lost node, is refused with what to do", () => {
  const world = running(2);
  world.scale(deployment, 0);
  passes(world);
  ask(world, first, "restart");
  expect(only(passes(world), "ChangeRefused")).toMatchObject([
    { detail: expect.stringMatching(/being removed/) },
  ]);
  const lost = running(2, false);
  const { node } = lost.zone.workloads.get(first)!;
  ask(lost, first, "restart");
  const signals = { liveness: [{ node: node.name, to: "lost" as const, silentMs: 9_000 }] };
  expect(only(lost.pass(signals), "ChangeRefused")).toMatchObject([{ change: "restart" }]);
});

test("nothing begins while the node is only suspected", () => {
  const world = running(2, false);
  const { node } = world.zone.workloads.get(first)!;
  world.decided({ type: "NodeSuspected", pod: "p", node: node.name, silentMs: 3_000 });
  ask(world, first, "restart");
  expect(passes(world)).toEqual([]);
  world.decided({ type: "NodeRecovered", pod: "p", node: node.name });
  expect(types(passes(world))).toEqual(["ChangeDecided", "ChangeOrdered"]);
});
