import type { DecisionEvent, Inherit } from "@eru/events";
import { describe, expect, test } from "vitest";
import { recount } from "../testkit/snapshot.ts";
import { only, World } from "../testkit/world.ts";

const deployment = "shop-web-a";
const [first, second, third] = [`${deployment}-1`, `${deployment}-2`, `${deployment}-3`];
const elbs = (world: World) => new Map([["e1", world.seq]]);
const passes = (world: World) => world.passes({ elbs: elbs(world) });
const types = (events: readonly DecisionEvent[]) => events.map(({ type }) => type);

/** One node, healthy and routed workloads of one deployment. */
function running(count: number, parts: Parameters<World["deploy"]>[2] = {}, cpu = 4): World {
  const world = new World().node("n1", cpu).route().elb("e1", 1);
  world.deploy(deployment, count, parts).settle({ elbs: elbs(world) });
  return world;
}

const replace = (world: World, workload: string, inherit?: Inherit) =>
  world.request({
    ...{ type: "WorkloadChangeRequested", deployment, workload, change: "replace" },
    ...(inherit && { inherit }),
  });

function drained(world: World, workload: string): DecisionEvent[] {
  world.append("eru.elb.e1", { type: "EndpointDrained", elb: "e1", workload, inFlight: 0 });
  return world.passes({ elbs: elbs(world), stops: new Map(world.due({ elbs: elbs(world) })) as never });
}

const volumes = [{ to: "/data", sizeMib: 10 }];
const withVolume = { resources: { cpu: 0.1, memoryMib: 16, volumes } };
const resources = { cpu: 4, memoryMib: 10_000, volumes: [{ path: "/mnt/a", sizeMib: 100 }] };

describe("a replacement beside the old one", () => {
  test("begins with another workload on the same node, told to take files over", () => {
    const world = running(2);
    const copy = [{ from: "/etc/app", to: "/etc/app" }];
    replace(world, first, { copy });
    expect(passes(world)).toMatchObject([
      {
        ...{ type: "PlacementDecided", because: "replaced", waiting: 0 },
        placed: [{ workload: third, node: "n1", replaces: { workload: first } }],
      },
    ]);
    expect(world.orders("n1").at(-1)).toMatchObject({
      ...{ type: "WorkloadAssigned", workload: third, generation: 1 },
      takesOver: { from: first, copy },
    });
  });

  test("takes the old one away when the new one is in every table, not before, and keeps the count", () => {
    const world = running(2);
    replace(world, first);
    passes(world);
    world.healthy(third);
    expect(world.passes({ elbs: new Map([["e1", world.seq - 1]]) })).toEqual([]);
    world.elb("e1", world.seq);
    expect(passes(world)).toMatchObject([
      { type: "RemovalDecided", workload: first, because: "replaced", drain: true },
    ]);
    expect(types(drained(world, first))).toEqual(["StopDecided"]);
    world.gone(first);
    expect(passes(world)).toEqual([]);
    expect(world.staying(deployment)).toEqual([second, third]);
    expect(world.zone.changing.size).toBe(0);
    const { kept, counted } = recount(world.zone);
    expect(kept).toBe(counted);
  });

  test("is taken back when the new one fails, and the old one serves on", () => {
    const world = running(1);
    replace(world, first);
    passes(world);
    world.failed(second);
    expect(passes(world)).toMatchObject([
      { type: "RemovalDecided", workload: second, because: "replacement_failed" },
      { type: "StopDecided", workload: second },
      { type: "ChangeRefused", workload: first, detail: expect.stringContaining("it runs on, because") },
    ]);
    world.gone(second);
    expect(passes(world)).toEqual([]);
    expect(world.staying(deployment)).toEqual([first]);
    expect(world.zone.deployments.get(deployment)).toMatchObject({ failures: 0, halted: false });
  });

  test("of several goes one after another", () => {
    const world = running(2);
    replace(world, first);
    replace(world, second);
    expect(only(passes(world), "PlacementDecided")).toHaveLength(1);
    expect(passes(world)).toEqual([]);
    world.healthy(third);
    passes(world);
    expect(only(passes(world), "PlacementDecided")).toEqual([]);
    drained(world, first);
    world.gone(first);
    expect(world.zone.workloads.get(second)?.change?.successor).toBe(`${deployment}-4`);
  });

  test("ends when the deployment is scaled down over it", () => {
    const world = running(1);
    replace(world, first);
    passes(world);
    world.scale(deployment, 0);
    const removed = only(passes(world), "RemovalDecided").map(({ workload }) => workload);
    expect(removed.toSorted()).toEqual([first, second]);
  });
});

describe("a replacement in place", () => {
  test.each([
    ["it inherits the network", {}, { network: true }, /two cannot have one address/],
    ["it has a volume of its own", withVolume, undefined, /write to the same files/],
    [
      "it has a port of the machine",
      { resources: { cpu: 0.1, memoryMib: 16, ports: [{ hostPort: 80, port: 8080 }] } },
      undefined,
      /port 80 of n1 is its own/,
    ],
    [
      "the node has no room for two",
      { resources: { cpu: 3, memoryMib: 16 } },
      undefined,
      /no room for two of it at once \(cpu: 3 wanted, 1 of 4 free\)/,
    ],
  ] as const)("is what it gets when %s, with what that costs", (_, parts, inherit, why) => {
    const world = new World()
      .node("n1", 4, 10_000, { resources } as never)
      .route()
      .elb("e1", 1);
    world.deploy(deployment, 1, parts as never).settle({ elbs: elbs(world) });
    replace(world, first, inherit);
    expect(passes(world)).toMatchObject([
      {
        ...{ type: "ChangeDecided", workload: first, drain: true },
        ...{ inPlace: expect.stringMatching(why), risk: expect.stringMatching(why) },
      },
    ]);
    const granted = world.zone.workloads.get(first)?.granted;
    expect(types(drained(world, first))).toEqual(["ChangeOrdered"]);
    const order = world.orders("n1").at(-1);
    expect(order).toMatchObject({ workload: first, generation: 2, takesOver: inherit ?? {} });
    expect(order).not.toHaveProperty("takesOver.from");
    expect(world.zone.workloads.get(first)?.granted).toEqual(granted);
  });

  test("that its agent took back is refused with the reason, and is over", () => {
    const world = running(1, {}, 4);
    replace(world, first, { network: true });
    passes(world);
    drained(world, first);
    const of = { node: "n1", workload: first, generation: 2 };
    world.fact({
      type: "ContainerFailed",
      ...of,
      step: "start",
      error: "no such file",
      attempt: 1,
      retryInMs: 0,
    });
    world.fact({ type: "ReplacementUndone", ...of, containerId: "c1", error: "start: no such file" });
    expect(passes(world)).toMatchObject([
      { type: "ChangeRefused", change: "replace", detail: expect.stringContaining("start: no such file") },
    ]);
    expect(passes(world)).toEqual([]);
    world.healthy(first);
    expect(passes(world)).toEqual([]);
    expect(world.zone.changing.size).toBe(0);
  });
});
