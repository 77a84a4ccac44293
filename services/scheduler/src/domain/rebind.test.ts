import type { ReallocAmounts } from "@eru/events";
import { expect, test } from "vitest";
import { recount } from "../testkit/snapshot.ts";
import { only, World } from "../testkit/world.ts";

const deployment = "shop-web-a";
const [first, second] = [`${deployment}-1`, `${deployment}-2`];
const cores = { "0": 100, "1": 100, "2": 100, "3": 100 };
const resources = { cpu: 4, memoryMib: 1_000, cores };

/** One node of four cores, with healthy workloads of one deployment. */
function running(count: number, cpu: number, bind?: boolean, node: object = resources): World {
  const world = new World().node("n1", 4, 1_000, { resources: node } as never);
  world.deploy(deployment, count, { resources: { cpu, memoryMib: 100, ...(bind && { bind }) } }).settle();
  return world;
}
const ask = (world: World, workload: string, amounts: ReallocAmounts) =>
  world.request({ type: "WorkloadReallocRequested", deployment, workload, amounts });
const answer = (world: World, error?: string) => {
  const { revision, node } = world.zone.workloads.get(first)!;
  const of = { node: node.name, workload: first, revision };
  return world.fact(
    error === undefined ? { type: "ReallocDone", ...of } : { type: "ReallocFailed", ...of, error },
  );
};
const lines = (world: World) =>
  Object.fromEntries(
    world.zone.nodes
      .get("n1")!
      .books.lines()
      .filter(({ name, booked }) => name.startsWith("core") && booked > 0)
      .map(({ name, booked }) => [name.slice(5), booked]),
  );
const sumsAgree = (world: World) => {
  const { kept, counted } = recount(world.zone);
  expect(kept).toBe(counted);
};

test("what runs on shared cores is bound while it runs, and the others keep to what is left", () => {
  const world = running(2, 1);
  ask(world, first, { bind: true });
  const decided = world.passes();
  const [realloc] = only(decided, "ReallocDecided");
  expect(realloc).toMatchObject({ resources: { cpu: 1, bind: true }, granted: { cores: { "0": 100 } } });
  expect(only(decided, "SharedCoresDecided")).toMatchObject([{ cores: ["1", "2", "3"] }]);
  const orders = world.orders("n1").map(({ type }) => type);
  expect(orders.slice(-2).toSorted()).toEqual(["SharedCoresAssigned", "WorkloadReallocAssigned"]);
  answer(world);
  expect(lines(world)).toEqual({ "0": 100 });
  expect(world.passes()).toEqual([]);
  sumsAgree(world);
});

test("what is bound is let go, and its cores are shared again when the agent has answered, not before", () => {
  const world = running(2, 1, true);
  ask(world, first, { bind: false });
  expect(world.passes()).toMatchObject([{ type: "ReallocDecided", resources: { cpu: 1 }, granted: {} }]);
  expect(Object.keys(lines(world))).toHaveLength(2);
  answer(world);
  const bound = Object.keys(lines(world));
  expect(bound).toHaveLength(1);
  const [shared] = only(world.passes(), "SharedCoresDecided");
  expect(shared?.cores).toEqual(["0", "1", "2", "3"].filter((core) => !bound.includes(core)));
  sumsAgree(world);
});

test("with more or fewer cores it keeps those it has, and both are booked until the answer", () => {
  const world = running(1, 2, true);
  const before = Object.keys(world.zone.workloads.get(first)?.granted.cores ?? {});
  ask(world, first, { cpu: 3 });
  world.passes();
  const more = Object.keys(world.zone.workloads.get(first)?.granted.cores ?? {});
  expect(more).toEqual(expect.arrayContaining(before));
  expect(more).toHaveLength(3);
  answer(world);
  ask(world, first, { cpu: 1 });
  world.passes();
  const fewer = Object.keys(world.zone.workloads.get(first)?.granted.cores ?? {});
  expect(more).toEqual(expect.arrayContaining(fewer));
  expect(Object.keys(lines(world))).toHaveLength(3);
  answer(world);
  expect(Object.keys(lines(world))).toEqual(fewer);
  sumsAgree(world);
});

test("what its agent cannot do leads back to the cores it had", () => {
  const world = running(1, 1, true);
  const before = world.zone.workloads.get(first)?.granted;
  ask(world, first, { bind: false, memoryMib: 20 });
  world.passes();
  answer(world, "it uses 40 MiB of memory now");
  expect(only(world.passes(), "ReallocDecided")).toMatchObject([{ because: "not_done", granted: before }]);
  answer(world);
  expect(world.zone.workloads.get(first)).toMatchObject({ granted: before, booked: before });
  sumsAgree(world);
});

test("without free cores it is refused with what there is, and stays as it is", () => {
  const world = running(3, 1, true);
  world.deploy("shop-web-b", 1, { resources: { cpu: 1, memoryMib: 100 } }).settle();
  ask(world, second, { cpu: 3 });
  expect(only(world.passes(), "ReallocRefused")[0]?.detail).toMatch(
    /n1 has no cores to bind it to: .*would help to free/,
  );
  expect(world.passes()).toEqual([]);
  sumsAgree(world);
});

test("memory on a NUMA node stays where it is", () => {
  const numa = [
    { id: "0", cores: ["0", "1"], memoryMib: 500 },
    { id: "1", cores: ["2", "3"], memoryMib: 500 },
  ];
  const world = running(1, 1, true, { ...resources, numa });
  expect(world.zone.workloads.get(first)?.granted.numa).toBe("0");
  ask(world, first, { cpu: 2 });
  expect(only(world.passes(), "ReallocDecided")[0]?.granted).toMatchObject({
    numa: "0",
    cores: { "0": 100, "1": 100 },
  });
  answer(world);
  ask(world, first, { memoryMib: 200 });
  expect(only(world.passes(), "ReallocRefused")[0]?.detail).toMatch(/NUMA node 0 .* cannot grow/);
  ask(world, first, { bind: false });
  expect(only(world.passes(), "ReallocDecided")[0]?.granted).toEqual({});
  answer(world);
  sumsAgree(world);
});
