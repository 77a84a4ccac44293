import type { DeploymentEvent, GivenResources, NodeEvent } from "@eru/events";
import { expect, test } from "vitest";
import { recount } from "../testkit/snapshot.ts";
import { only, template, World } from "../testkit/world.ts";
import { dryRun } from "./dry-run.ts";
import { podOf } from "./zone.ts";

const machine: GivenResources = {
  cpu: 4,
  memoryMib: 4_000,
  cores: { "0": 100, "1": 100, "2": 100, "3": 100 },
  storageMib: 10_240,
  volumes: [
    { path: "/mnt/a", sizeMib: 4_096 },
    { path: "/mnt/b", sizeMib: 8_192 },
  ],
  gpus: { "nvidia-3090": ["0", "1"] },
};
const with2 = (world = new World(), resources = machine): World =>
  ["n1", "n2"].reduce((all, name) => all.node(name, 0, 0, { resources } as Partial<NodeEvent>), world);

type Resources = Extract<DeploymentEvent, { type: "DeploymentRequested" }>["resources"];
const want = (more: Partial<Resources>) => ({ resources: { cpu: 1, memoryMib: 100, ...more } });
const onHost = (...publish: number[]) =>
  template("v1", { entrypoint: { ...template().entrypoint, network: "host", publish } });

test("bound workloads get cores of their own, which the decision and the order name", () => {
  const world = with2().deploy("shop-web-a", 4, want({ cpu: 1.5, bind: true }));
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(decided?.placed).toEqual([
    { workload: "shop-web-a-1", node: "n1", granted: { cores: { "1": 100, "0": 50 } } },
    { workload: "shop-web-a-2", node: "n1", granted: { cores: { "2": 100, "0": 50 } } },
    { workload: "shop-web-a-3", node: "n2", granted: { cores: { "1": 100, "0": 50 } } },
    { workload: "shop-web-a-4", node: "n2", granted: { cores: { "2": 100, "0": 50 } } },
  ]);
  const orders = world.orders("n1").filter((order) => order.type === "WorkloadAssigned");
  expect(orders.map(({ granted }) => granted)).toEqual(
    decided?.placed.slice(0, 2).map(({ granted }) => granted),
  );
});

test("cores, volumes, cards and storage come back exactly once when a workload is gone", () => {
  const all = want({
    cpu: 2,
    bind: true,
    storageMib: 1_024,
    volumes: [{ to: "/data", sizeMib: 2_048, alone: true }],
    gpus: { "nvidia-3090": 2 },
  });
  const world = with2().deploy("shop-web-a", 3, all).now();
  expect(world.layout).toEqual({ n1: 1, n2: 1 });
  expect(recount(world.zone).kept).toBe(recount(world.zone).counted);
  world
    .healthy(...world.staying("shop-web-a"))
    .scale("shop-web-a", 0)
    .now();
  const gone = [...world.zone.workloads.keys()];
  world.gone(...gone);
  expect(
    world.zone.nodes
      .get("n1")
      ?.books.lines()
      .filter(({ booked }) => booked !== 0),
  ).toEqual([]);
});

test.each<[string, Partial<Resources>, string, string]>([
  [
    "cpu",
    { cpu: 4.5, bind: true },
    "cpu: 4.5 wanted, 4 of 4 free",
    "a workload of 4.5 cores to be bound and 100 MiB of memory is larger than any of these nodes: n1 lacks 0.5 more cores even when it is empty",
  ],
  [
    "volume",
    { volumes: [{ to: "/data", sizeMib: 10_240 }] },
    "volume: 10 GiB for /data wanted, at most 8 GiB free on one of 2 volumes",
    "a workload of 1 core and 100 MiB of memory and a volume of 10 GiB for /data is larger than any of these nodes: n1 lacks 2 GiB more on a volume for /data even when it is empty",
  ],
  ["storage", { storageMib: 20_480 }, "storage: 20 GiB wanted, 10 GiB of 10 GiB free", "larger than any"],
  ["gpu", { gpus: { "nvidia-3090": 3 } }, "gpu: 3 nvidia-3090 wanted, 2 of 2 free", "larger than any"],
])("why %s does not fit is said with amounts, and what would help", (filter, more, detail, help) => {
  const world = with2().deploy("shop-web-a", 1, want(more));
  const [deferred] = only(world.passes(), "PlacementDeferred");
  expect(deferred?.reasons.rejected).toEqual(["n1", "n2"].map((node) => ({ node, filter, detail })));
  expect(deferred?.reasons.wouldHelp[0]).toContain(help);
});

test("two workloads that listen on the same port of the host's network never share a node, and it is said why", () => {
  const world = with2().deploy("shop-web-a", 3, { ...want({}), template: onHost(80, 443) });
  const [decided] = only(world.passes(), "PlacementDecided");
  expect(decided?.placed.map(({ node, granted }) => [node, granted?.ports])).toEqual([
    ["n1", [80, 443]],
    ["n2", [80, 443]],
  ]);
  expect(decided?.reasons.rejected[0]).toEqual({
    node: "n1",
    filter: "port",
    detail: "port: 80, 443 wanted, 80, 443 taken",
  });
  world.deploy("shop-api-b", 1, { ...want({ ports: [{ hostPort: 80, port: 8080 }] }), template: template() });
  const [deferred] = only(world.passes(), "PlacementDeferred");
  expect(deferred?.reasons.rejected[0]?.detail).toBe("port: 80 wanted, 80 taken by shop-web-a-1");
  expect(deferred?.reasons.wouldHelp).toContain("free port 80 on n1");
});

test("a placement from before ports were counted takes its ports all the same", () => {
  const world = with2().deploy("shop-web-a", 1, { ...want({}), template: onHost(80) });
  const [decided] = only(
    world.plan().decisions.map(({ event }) => event),
    "PlacementDecided",
  );
  if (!decided) throw new Error("nothing was decided");
  world.decided({ ...decided, placed: [{ workload: "shop-web-a-1", node: "n1" }] });
  expect(world.zone.nodes.get("n1")?.books.lines()).toContainEqual(
    expect.objectContaining({ name: "port 80", booked: 1 }),
  );
  world.healthy("shop-web-a-1").scale("shop-web-a", 0).now();
  world.gone("shop-web-a-1");
  expect(
    world.zone.nodes
      .get("n1")
      ?.books.lines()
      .some(({ kind }) => kind === "port"),
  ).toBe(false);
});

test("a node that is made smaller than what is booked keeps what runs there and takes nothing more", () => {
  const world = with2()
    .deploy("shop-web-a", 2, want({ cpu: 2, bind: true }))
    .now();
  world.nodeEvent({
    type: "NodeResourcesSet",
    node: "n1",
    resources: { cpu: 1, memoryMib: 10, cores: { "9": 100 } },
  });
  expect(world.layout).toEqual({ n1: 1, n2: 1 });
  const reply = dryRun(world.zone, { ...world.requestFor("shop-web-b", 9, want({ cpu: 1, bind: true })) });
  expect(reply.placed).toEqual([{ node: "n2", count: 2 }]);
  expect(reply.reasons.rejected).toContainEqual({
    node: "n1",
    filter: "cpu",
    detail: "cpu: 1 wanted, 0 of 1 free",
  });
});

test("what a user does not say of a node is as its agent reports it", () => {
  const world = new World().node("n1", 0, 0, { resources: { storageMib: 100 } } as Partial<NodeEvent>);
  world.deploy("shop-web-a", 1, want({ bind: true, storageMib: 100 }));
  expect(only(world.passes(), "PlacementDeferred")[0]?.reasons.rejectedTotals).toEqual({
    no_capacity_known: 1,
  });
  const resources = { cpu: 2, memoryMib: 100, cores: { "0": 100, "1": 100 } };
  world.fact({ type: "NodeObserved", node: "n1", resources, engine: "docker 1", agentVersion: "1" });
  expect(only(world.passes(), "PlacementDecided")[0]?.placed).toHaveLength(1);
});

test("cores that are bound are taken from what is not bound, and given back when they are free again", () => {
  const world = with2(new World(), { ...machine, cpu: 8 });
  const shared = () => world.orders("n1").filter((order) => order.type === "SharedCoresAssigned");
  world.deploy("shop-web-a", 2, want({ cpu: 1.5, bind: true }));
  const decided = only(world.passes(), "SharedCoresDecided");
  expect(decided.map(({ node, generation, cores }) => [node, generation, cores])).toEqual([
    ["n1", 1, ["2", "3"]],
    ["n2", 1, ["2", "3"]],
  ]);
  expect(shared()).toMatchObject([{ generation: 1, cores: ["2", "3"] }]);
  world.deploy("shop-web-b", 4, want({ cpu: 0.1 }));
  expect(only(world.settle(), "SharedCoresDecided")).toEqual([]);
  world.scale("shop-web-a", 0).settle();
  expect(shared().at(-1)).toMatchObject({ generation: 2, cores: [] });
  expect(podOf(world.zone, "p").bound.size).toBe(0);
});

test("when no core is whole any more, what is not bound uses them all", () => {
  const world = with2(new World(), { ...machine, cpu: 8 }).deploy(
    "shop-web-a",
    8,
    want({ cpu: 1, bind: true }),
  );
  const decided = only(world.passes(), "SharedCoresDecided");
  expect(decided).toEqual([]);
});

test("a node that comes back under its name is told again to share all cores", () => {
  const world = with2()
    .deploy("shop-web-a", 2, want({ bind: true }))
    .now();
  world.nodeEvent({ type: "NodeRemoved", node: "n1" }).now();
  world.node("n1", 0, 0, { resources: machine } as Partial<NodeEvent>);
  world.request({ type: "RemovalRequested", deployment: "shop-web-a" });
  world.settle();
  expect(
    world
      .orders("n1")
      .filter((order) => order.type === "SharedCoresAssigned")
      .at(-1),
  ).toMatchObject({
    generation: 2,
    cores: [],
  });
});
