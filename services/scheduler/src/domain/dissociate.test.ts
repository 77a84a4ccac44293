import { describe, expect, test } from "vitest";
import { recount, snapshot } from "../testkit/snapshot.ts";
import { only, World } from "../testkit/world.ts";
import { apply } from "./apply.ts";
import { emptyZone } from "./zone.ts";

const deployment = "shop-web-a";
const [first, second] = [`${deployment}-1`, `${deployment}-2`];
const elbs = (world: World) => new Map([["e1", world.seq]]);
const signals = (world: World) => ({ elbs: elbs(world) });

/** Two nodes, healthy workloads of one deployment, routed or not. */
function running(count: number, { routed = true, cpu = 4 } = {}): World {
  const world = new World().node("n1", cpu).node("n2", cpu);
  if (routed) world.route().elb("e1", 1);
  world.deploy(deployment, count).settle(signals(world));
  return world;
}

const part = (world: World, workload: string, replace?: true) =>
  world.request({ type: "DissociationRequested", deployment, workload, ...(replace && { replace }) });
const wantBack = (world: World, workload: string) =>
  world.request({ type: "AdoptionRequested", deployment, workload });
const drained = (world: World, workload: string) => {
  world.append("eru.elb.e1", { type: "EndpointDrained", elb: "e1", workload, inFlight: 0 });
  return world.passes({ ...signals(world), stops: new Map(world.due(signals(world))) as never });
};
const nodeOf = (world: World, workload: string) =>
  world.zone.workloads.get(workload)?.node.name ??
  world.zone.deployments.get(deployment)?.dissociated.get(workload)?.node ??
  "";
const released = (world: World, workload: string) => {
  const { generation } = world.zone.workloads.get(workload)!;
  const node = nodeOf(world, workload);
  return world.fact({ type: "ContainerReleased", node, workload, generation, containerId: "c" });
};
const countOf = (world: World) => world.zone.deployments.get(deployment)?.count;
const newest = (world: World, workload: string) =>
  world
    .orders(nodeOf(world, workload))
    .findLast((event) => event.type !== "SharedCoresAssigned" && event.workload === workload);
const booked = (world: World) =>
  [...world.zone.nodes.values()].reduce((sum, { books }) => sum + books.booked.milli, 0) / 1_000;

/** One workload is out of Eru, its container runs on. */
function dissociated(count = 2, options: Parameters<typeof running>[1] = {}): World {
  const world = running(count, { routed: false, ...options });
  part(world, first);
  world.passes();
  released(world, first);
  world.passes();
  return world;
}

describe("a dissociation", () => {
  test("drains what is routed, lets go of it, and the count goes down with it", () => {
    const world = running(2);
    part(world, first);
    expect(world.passes(signals(world))).toMatchObject([
      { type: "DissociationDecided", workload: first, count: 1, drain: true, risk: "" },
    ]);
    expect(booked(world)).toBe(2);
    expect(drained(world, first)).toMatchObject([{ type: "ReleaseOrdered", because: "drained" }]);
    expect(newest(world, first)).toEqual({
      type: "WorkloadReleaseAssigned",
      node: nodeOf(world, first),
      workload: first,
      generation: 2,
    });
    released(world, first);
    expect(booked(world)).toBe(1);
    expect(world.settle(signals(world))).toEqual([]);
    expect(countOf(world)).toBe(1);
    expect(world.staying(deployment)).toEqual([second]);
  });

  test("of what nobody reaches lets go at once", () => {
    const world = running(2, { routed: false });
    part(world, first);
    expect(world.passes()).toMatchObject([
      { type: "DissociationDecided", drain: false },
      { type: "ReleaseOrdered", because: "not_routed" },
    ]);
  });

  test("with a replacement keeps the count: another is placed", () => {
    const world = running(2, { routed: false });
    part(world, first, true);
    const decided = world.settle();
    expect(only(decided, "DissociationDecided")[0]).not.toHaveProperty("count");
    expect(only(decided, "PlacementDecided")).toMatchObject([{ because: "dissociated" }]);
    expect(world.staying(deployment)).toEqual([second, `${deployment}-3`]);
  });

  test("of the only one that serves says what it costs", () => {
    const world = running(1);
    part(world, first);
    expect(only(world.passes(signals(world)), "DissociationDecided")[0]?.risk).toMatch(/requests fail/);
  });

  test("asked twice is done once, before and after", () => {
    const world = running(3, { routed: false });
    part(world, first);
    part(world, first);
    expect(only(world.passes(), "DissociationDecided")).toHaveLength(1);
    part(world, first);
    released(world, first);
    part(world, first);
    expect(world.passes()).toEqual([]);
    expect(countOf(world)).toBe(2);
  });

  test("of all at once takes the count down to none", () => {
    const world = running(2, { routed: false });
    part(world, first);
    part(world, second);
    expect(only(world.passes(), "DissociationDecided").map(({ count }) => count)).toEqual([1, 0]);
    released(world, first);
    released(world, second);
    expect(world.passes()).toEqual([]);
    expect(booked(world)).toBe(0);
  });

  test("does not undo what was said about the count after it was asked for", () => {
    const world = running(2, { routed: false });
    part(world, first);
    world.scale(deployment, 3);
    world.settle();
    expect(countOf(world)).toBe(3);
    expect(world.staying(deployment)).toHaveLength(3);
  });

  test("gives nothing back twice, whatever the agent says again", () => {
    const world = running(2, { routed: false });
    part(world, first);
    world.passes();
    const node = nodeOf(world, first);
    const fact = { node, workload: first, generation: 2 };
    world.fact({ type: "ContainerReleased", ...fact, containerId: "c" });
    world.fact({ type: "ContainerReleased", ...fact, containerId: "c" });
    world.fact({ type: "ContainerRemoved", ...fact, ordered: false });
    expect(booked(world)).toBe(1);
    const { kept, counted } = recount(world.zone);
    expect(kept).toBe(counted);
  });

  test("leaves the record of it to the removal of its deployment, which stops nothing of it", () => {
    const world = dissociated(1);
    world.request({ type: "RemovalRequested", deployment });
    expect(world.settle()).toMatchObject([{ type: "DeploymentEnded" }]);
    expect(
      world
        .orders("n1")
        .concat(world.orders("n2"))
        .map(({ type }) => type),
    ).not.toContain("WorkloadStopAssigned");
  });

  test("on its way goes on when its deployment is removed meanwhile", () => {
    const world = running(1);
    part(world, first);
    world.passes(signals(world));
    world.request({ type: "RemovalRequested", deployment });
    world.passes(signals(world));
    expect(drained(world, first)).toMatchObject([{ type: "ReleaseOrdered" }]);
  });

  test("is no concern of an upgrade", () => {
    const world = dissociated(2);
    world.upgrade(deployment, "v2");
    world.settle();
    expect(newest(world, first)?.type).toBe("WorkloadReleaseAssigned");
    expect(world.staying(deployment)).toEqual([`${deployment}-3`]);
  });

  test("is ordered once more when its node left the zone before it was told", () => {
    const world = running(1);
    part(world, first);
    world.passes(signals(world));
    const node = nodeOf(world, first);
    world.nodeEvent({ type: "NodeRemoved", node });
    expect(world.passes(signals(world))).toMatchObject([{ type: "ReleaseOrdered", because: "node_removed" }]);
    expect(world.orders(node).at(-1)?.type).toBe("WorkloadReleaseAssigned");
  });
});

describe("a dissociation is refused", () => {
  const refusal = (world: World) => only(world.passes(), "DissociationRefused")[0]?.detail;

  test("while it is being removed", () => {
    const world = running(2, { routed: false });
    world.scale(deployment, 1);
    world.passes();
    const leaving = [...world.zone.workloads.values()].find(({ going }) => going)!;
    part(world, leaving.id);
    expect(refusal(world)).toMatch(/being removed/);
  });

  test("on a lost node", () => {
    const world = running(1, { routed: false });
    world.decided({ type: "NodeLost", pod: "p", node: nodeOf(world, first), silentMs: 9_000, workloads: 1 });
    part(world, first);
    expect(world.zone.workloads.get(first)?.parting).toBeDefined();
    expect(refusal(world)).toMatch(/is lost|being removed/);
  });

  test("before it has a container, and while something else is done to it", () => {
    const world = new World().node("n1", 4).deploy(deployment, 1);
    world.passes();
    part(world, first);
    expect(refusal(world)).toMatch(/no container yet/);
    world.healthy(first);
    world.request({ type: "WorkloadChangeRequested", deployment, workload: first, change: "restart" });
    world.passes();
    world.fact({ type: "ContainerCreated", node: "n1", workload: first, generation: 2, containerId: "c" });
    part(world, first);
    expect(refusal(world)).toMatch(/a restart of it is under way/);
    expect(countOf(world)).toBe(1);
  });
});

describe("an adoption", () => {
  test("books it again, orders it back, and the count goes up with it", () => {
    const world = dissociated(2);
    expect(booked(world)).toBe(1);
    wantBack(world, first);
    expect(world.passes()).toMatchObject([{ type: "AdoptionDecided", workload: first, count: 2 }]);
    expect(booked(world)).toBe(2);
    expect(newest(world, first)).toMatchObject({ type: "WorkloadAssigned", generation: 3, keep: "adopted" });
    const of = { node: nodeOf(world, first), workload: first, generation: 3 };
    world.fact({ type: "ContainerAdopted", ...of, containerId: "c", running: true });
    world.healthy(first);
    expect(world.settle()).toEqual([]);
    expect(world.staying(deployment)).toEqual([second, first]);
    expect(countOf(world)).toBe(2);
  });

  test("that its node cannot carry out is undone, and nothing comes in its place", () => {
    const world = dissociated(2);
    wantBack(world, first);
    world.passes();
    const of = { node: nodeOf(world, first), workload: first, generation: 3 };
    world.fact({ type: "AdoptionFailed", ...of, error: "its container is gone" });
    expect(world.settle()).toMatchObject([
      { type: "RemovalDecided", because: "not_adopted" },
      { type: "StopDecided" },
      { type: "AdoptionRefused", count: 1, detail: expect.stringContaining("its container is gone") },
    ]);
    expect(booked(world)).toBe(1);
    expect(countOf(world)).toBe(1);
    expect(world.staying(deployment)).toEqual([second]);
  });

  test("asked for before its node has let go comes right after that", () => {
    const world = running(2, { routed: false });
    part(world, first);
    world.passes();
    wantBack(world, first);
    expect(world.passes()).toEqual([]);
    released(world, first);
    expect(world.passes()).toMatchObject([{ type: "AdoptionDecided", workload: first }]);
  });

  test("gets its own cores again, or none", () => {
    const bound = { resources: { cpu: 1, memoryMib: 100, bind: true } };
    const cores = { resources: { cpu: 1, memoryMib: 1_000, cores: { "0": 100 } } };
    const world = new World().node("n1", 1, 1_000, cores as never).deploy(deployment, 1, bound);
    world.settle();
    part(world, first);
    world.passes();
    released(world, first);
    world.settle();
    wantBack(world, first);
    expect(only(world.passes(), "AdoptionDecided")).toMatchObject([{ granted: { cores: { "0": 100 } } }]);
  });

  test("of all at once is refused for those that do not fit any more, with what is missing", () => {
    const world = new World().node("n1", 2).deploy(deployment, 2);
    world.settle();
    for (const one of [first, second]) part(world, one);
    world.passes();
    for (const one of [first, second]) released(world, one);
    world.deploy("shop-web-b", 1).settle();
    for (const one of [first, second]) wantBack(world, one);
    const decided = world.settle();
    expect(only(decided, "AdoptionDecided").map(({ workload }) => workload)).toEqual([first]);
    expect(only(decided, "AdoptionRefused")[0]?.detail).toMatch(/cpu: 1 wanted, 0 of 2 free/);
  });
});

describe("an adoption is refused", () => {
  const refusal = (world: World) => {
    wantBack(world, first);
    return only(world.settle(), "AdoptionRefused")[0]?.detail;
  };

  test("when its container is gone", () => {
    const world = dissociated();
    const node = nodeOf(world, first);
    world.fact({ type: "ContainerRemoved", node, workload: first, generation: 2, ordered: false });
    expect(refusal(world)).toMatch(/its container is gone from n\d: .* scale for a new one/);
  });

  test("when its node was removed, is lost or is being drained", () => {
    const removed = dissociated();
    removed.nodeEvent({ type: "NodeRemoved", node: nodeOf(removed, first) });
    expect(refusal(removed)).toMatch(/was removed: add it again/);
    const lost = dissociated();
    lost.decided({ type: "NodeLost", pod: "p", node: nodeOf(lost, first), silentMs: 9_000, workloads: 0 });
    expect(refusal(lost)).toMatch(/is lost: ask again/);
    const draining = dissociated();
    draining.nodeEvent({ type: "DrainRequested", node: nodeOf(draining, first), reason: "" });
    expect(refusal(draining)).toMatch(/is being drained/);
  });

  test("while a rollout is under way, and when it left another release behind", () => {
    const world = dissociated();
    world.upgrade(deployment, "v2");
    wantBack(world, first);
    expect(only(world.passes(), "AdoptionRefused")[0]?.detail).toMatch(/a rollout .* is under way/);
    world.settle();
    expect(refusal(world)).toMatch(/runs release v1, its deployment v2: upgrade the deployment to v1/);
    world.upgrade(deployment, "v1").settle();
    wantBack(world, first);
    expect(only(world.passes(), "AdoptionDecided")).toHaveLength(1);
  });
});

test("the same log gives the same zone, dissociated workloads included", () => {
  const world = dissociated(3);
  wantBack(world, first);
  world.settle();
  part(world, second);
  world.passes();
  const fresh = emptyZone();
  for (const { recorded } of world.log) for (const one of recorded) apply(fresh, one);
  expect(JSON.stringify(snapshot(fresh))).toBe(JSON.stringify(snapshot(world.zone)));
});
