import { expect, test } from "vitest";
import { only, template, World } from "../testkit/world.ts";

const lost = (node: string) => ({ liveness: [{ node, to: "lost" as const, silentMs: 6_000 }] });
const back = (node: string) => ({ liveness: [{ node, to: "alive" as const }] });

test("a workload that failed for good is replaced on another node first", () => {
  const world = new World().node("n1", 9).node("n2", 8).deploy("shop-web-a", 1);
  world.settle();
  expect(world.layout).toEqual({ n1: 1 });
  const decided = world.failed("shop-web-a-1").pass();
  expect(decided).toMatchObject([
    { type: "RemovalDecided", workload: "shop-web-a-1", because: "failed" },
    { type: "StopDecided" },
    { type: "PlacementDecided", because: "failed", placed: [{ workload: "shop-web-a-2", node: "n2" }] },
  ]);
});

test("one that its agent still restarts is left alone", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  world.settle();
  const of = { node: "n1", workload: "shop-web-a-1", generation: 1 };
  world.fact({ type: "ContainerExited", ...of, attempt: 1, exitCode: 1, outOfMemory: false, retryInMs: 9 });
  world.fact({ type: "ContainerFailed", ...of, step: "start", error: "busy", attempt: 2, retryInMs: 9 });
  world.fact({ type: "ContainerFailed", ...of, step: "remove", error: "busy", attempt: 2 });
  expect(world.passes()).toEqual([]);
});

test("without room for both, the failed one goes first and its successor follows", () => {
  const world = new World().node("n1", 1).deploy("shop-web-a", 1);
  world.settle();
  world.failed("shop-web-a-1").settle();
  expect(world.staying("shop-web-a")).toEqual(["shop-web-a-2"]);
});

const failFiveTimes = (world: World) => {
  world.deploy("shop-web-a", 1).passes();
  for (let n = 1; n <= 5; n++) world.failed(`shop-web-a-${n}`).now().agentsCatchUp().now();
  return world;
};

test("after five replacements in a row the deployment is halted, once, with the last failure", () => {
  const world = failFiveTimes(new World().node("n1", 9));
  expect(world.staying("shop-web-a")).toEqual(["shop-web-a-6"]);
  const decided = world.failed("shop-web-a-6").passes();
  expect(decided).toEqual([
    {
      type: "DeploymentHalted",
      deployment: "shop-web-a",
      failures: 5,
      detail: "shop-web-a-6 on n1: exited with 1",
    },
  ]);
});

test("who fails on the host's network is told to look for the port, with port and node", () => {
  const { entrypoint } = template();
  const onHost = template("v1", { entrypoint: { ...entrypoint, network: "host", publish: [8080] } });
  const world = new World().node("n1", 9).deploy("shop-web-a", 1, { template: onHost });
  world.passes();
  for (let n = 1; n <= 5; n++) world.failed(`shop-web-a-${n}`).now().agentsCatchUp().now();
  expect(only(world.failed("shop-web-a-6").passes(), "DeploymentHalted")[0]?.detail).toBe(
    "shop-web-a-6 on n1: exited with 1; it is on the host's network: see whether port 8080 is taken on n1",
  );
});

test("many failing at once are replaced up to the limit also when one pass cannot hold them", () => {
  const world = new World({ actionsMax: 2 }).node("n1", 20).deploy("shop-web-a", 7);
  world.settle();
  const decided = world.failed(...world.staying("shop-web-a")).passes();
  expect(only(decided, "RemovalDecided")).toHaveLength(5);
  expect(only(decided, "DeploymentHalted")).toMatchObject([{ failures: 5 }]);
});

test.each([
  ["a minute of health", (world: World) => world.now({ steady: new Set(["shop-web-a"]) })],
  ["scaling", (world: World) => world.scale("shop-web-a", 1)],
  ["an upgrade", (world: World) => world.upgrade("shop-web-a", "v2")],
])("%s lets a halted deployment replace again", (_what, release) => {
  const world = failFiveTimes(new World().node("n1", 9)).failed("shop-web-a-6").now();
  release(world).settle();
  expect(world.staying("shop-web-a")).toEqual(["shop-web-a-7"]);
});

test("the workloads of a lost node are replaced and its agent is told to stop them", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 4);
  world.settle();
  const decided = world.passes(lost("n1"));
  expect(decided[0]).toMatchObject({ type: "NodeLost", workloads: 2 });
  expect(only(decided, "PlacementDecided")).toMatchObject([{ because: "node_lost", waiting: 0 }]);
  expect(only(decided, "RemovalDecided")).toMatchObject([
    { node: "n1", because: "node_lost", drain: false },
    { node: "n1", because: "node_lost", drain: false },
  ]);
  expect(world.layout).toEqual({ n2: 4 });
  expect(world.orders("n1").slice(-2)).toMatchObject([{ generation: 2 }, { generation: 2 }]);
  world.passes(back("n1"));
  expect(world.zone.nodes.get("n1")?.books.booked.milli).toBe(2_000); // Its containers may still run.
  world.settle();
  expect(world.zone.nodes.get("n1")?.books.booked.milli).toBe(0);
  expect(world.layout).toEqual({ n2: 4 });
});

test("what of a lost node finds no other place serves again when the node returns", () => {
  const world = new World().node("n1", 3).node("n2", 2).deploy("shop-web-a", 4);
  world.settle();
  const before = world.staying("shop-web-a");
  world.passes(lost("n1"));
  expect(world.staying("shop-web-a").sort()).toEqual(before.sort()); // No room: nothing is taken away either.
  world.passes(back("n1"));
  expect(world.staying("shop-web-a").sort()).toEqual(before.sort());
});

test("a suspect node keeps its workloads and gets no new ones", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 2);
  world.settle();
  expect(world.passes({ liveness: [{ node: "n1", to: "suspect", silentMs: 3_000 }] })).toHaveLength(1);
  world.scale("shop-web-a", 4).passes();
  expect(world.layout).toEqual({ n1: 1, n2: 3 });
  world.passes(back("n1"));
  world.scale("shop-web-a", 6).passes();
  expect(world.layout).toEqual({ n1: 3, n2: 3 });
});

test("the workloads of a removed node are gone and replaced; a machine that comes back is told to stop them", () => {
  const world = new World().node("n1", 9).node("n2", 9).deploy("shop-web-a", 2);
  world.settle();
  const decided = world.nodeEvent({ type: "NodeRemoved", node: "n1" }).passes();
  expect(decided).toMatchObject([
    { type: "StopDecided", workload: "shop-web-a-1", because: "node_removed" },
    { type: "PlacementDecided", because: "node_lost", placed: [{ node: "n2" }] },
  ]);
  expect(world.orders("n1").at(-1)).toMatchObject({ workload: "shop-web-a-1", generation: 2 });
  world.node("n1", 9);
  expect(world.zone.nodes.get("n1")?.books.booked.milli).toBe(0);
  expect(world.passes()).toEqual([]);
});

test("a node removed while a placement on it was on its way does not keep it", () => {
  const world = new World().node("n1", 9).node("n2", 8).deploy("shop-web-a", 1);
  const pass = world.plan();
  world.nodeEvent({ type: "NodeRemoved", node: "n1" });
  world.record(pass);
  world.settle();
  expect(world.layout).toEqual({ n2: 1 });
  expect(world.orders("n1").map(({ type }) => type)).toEqual(["WorkloadAssigned", "WorkloadStopAssigned"]);
});

test("facts of one node about another's workload change nothing", () => {
  const world = new World().node("n1", 9).node("n2", 8).deploy("shop-web-a", 1);
  world.settle();
  const other = { node: "n2", workload: "shop-web-a-1", generation: 1, attempt: 1, exitCode: 1 };
  world.fact({ type: "ContainerExited", ...other, outOfMemory: false });
  expect(world.passes()).toEqual([]);
});
