import type { DeploymentEvent } from "@eru/events";
import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";
import { dryRun } from "./dry-run.ts";

type Requested = Partial<Extract<DeploymentEvent, { type: "DeploymentRequested" }>>;

const urgent: Requested = { priority: 80, preempt: true };
const cpu = (cores: number): Requested => ({ resources: { cpu: cores, memoryMib: 100 } });
const nodeOf = (world: World, id: string) => world.zone.workloads.get(id)?.node.name;
const kept = (world: World) => [...(world.zone.pods.get("p")?.kept ?? [])];

/** Two nodes full of others. */
const full = () => new World().node("n1", 2).node("n2", 2).deploy("shop-web-low", 4, { priority: 40 }).now();

test("nobody is displaced by a deployment that does not ask for it, nor by one of the same priority", () => {
  const world = full();
  world.deploy("shop-web-a", 1, { priority: 80 }).deploy("shop-web-b", 1, { priority: 40, preempt: true });
  expect(only(world.settle(), "PreemptionDecided")).toEqual([]);
  expect(world.staying("shop-web-low")).toHaveLength(4);
});

test("it says whom it displaces before they go, and then has their place", () => {
  const world = full().deploy("shop-web-a", 1, urgent);
  const decided = world.passes();
  const said = decided.findIndex(({ type }) => type === "PreemptionDecided");
  expect(decided[said]).toMatchObject({
    deployment: "shop-web-a",
    wanted: 1,
    freeing: 0,
    priority: 80,
    places: [
      {
        node: "n1",
        count: 1,
        victims: [{ workload: "shop-web-low-2", deployment: "shop-web-low", priority: 40 }],
      },
    ],
    runnersUp: [{ node: "n2", victims: 1, highestPriority: 40 }],
  });
  expect(decided.findIndex(({ type }) => type === "RemovalDecided")).toBe(said + 1);
  expect(decided[said + 1]).toMatchObject({
    workload: "shop-web-low-2",
    because: "preempted",
    by: "shop-web-a",
  });
  world.settle();
  expect(nodeOf(world, "shop-web-a-1")).toBe("n1");
  expect(kept(world)).toEqual([]);
});

test("what was displaced waits with the name of who did it, and comes back when there is room", () => {
  const world = full().deploy("shop-web-a", 1, urgent);
  const decided = world.settle();
  expect(only(decided, "PlacementDeferred").at(-1)).toMatchObject({
    deployment: "shop-web-low",
    waiting: 1,
    displacedBy: "shop-web-a",
  });
  world.node("n3", 1);
  expect(only(world.settle(), "PlacementDecided")).toMatchObject([
    { deployment: "shop-web-low", waiting: 0 },
  ]);
});

test("what is displaced goes where there is room for it, and says why", () => {
  const world = new World().node("n1", 2).deploy("shop-web-low", 1, { priority: 40 }).now();
  world.node("n2", 1).deploy("shop-web-a", 1, { ...urgent, ...cpu(2) });
  const decided = world.settle();
  expect(nodeOf(world, "shop-web-a-1")).toBe("n1");
  const again = only(decided, "PlacementDecided").find(({ because }) => because === "displaced");
  expect(again).toMatchObject({
    deployment: "shop-web-low",
    displacedBy: "shop-web-a",
    placed: [{ node: "n2" }],
  });
});

test("nobody is displaced when what is going anyway makes enough room", () => {
  const world = full();
  world.scale("shop-web-low", 3).deploy("shop-web-a", 1, urgent);
  expect(only(world.settle(), "PreemptionDecided")).toEqual([]);
  expect(world.staying("shop-web-a")).toHaveLength(1);
  expect(world.staying("shop-web-low")).toHaveLength(3);
});

test("the room is kept: neither what was displaced nor others of its priority get it", () => {
  const world = full().deploy("shop-web-a", 1, { ...urgent, ...cpu(2) });
  world.passes();
  const [first, second] = [...world.zone.workloads.values()].filter(({ stopping }) => stopping);
  world.deploy("shop-web-b", 1, { priority: 80 }).passes();
  world.gone(first!.id).passes();
  expect(world.zone.deployments.get("shop-web-low")?.deferral).toContain("held");
  expect(world.zone.deployments.get("shop-web-b")?.deferral).toContain("held");
  world.gone(second!.id).passes();
  expect(world.staying("shop-web-a")).toHaveLength(1);
});

test("a higher priority may take the room, and another place is made for the one who lost it", () => {
  const world = full().deploy("shop-web-a", 1, urgent);
  world.passes();
  world.deploy("shop-web-top", 1, { priority: 90 }).passes();
  world.agentsCatchUp();
  const decided = world.passes();
  expect(only(decided, "PreemptionEnded")).toMatchObject([{ ended: [{ node: "n1" }] }]);
  expect(only(decided, "PreemptionEnded")[0]?.ended[0]?.detail).toContain("its room is taken: cpu");
  world.settle();
  expect(world.staying("shop-web-a")).toHaveLength(1);
  expect(world.staying("shop-web-top")).toHaveLength(1);
  expect(world.staying("shop-web-low")).toHaveLength(2);
});

test.each<[string, string, (world: World) => void]>([
  [
    "it is removed",
    "it is removed",
    (world) => world.request({ type: "RemovalRequested", deployment: "shop-web-a" }),
  ],
  ["it is scaled away", "it waits for no room any more", (world) => world.scale("shop-web-a", 0)],
  [
    "it may displace nobody any more",
    "it displaces nobody any more",
    (world) => world.request({ type: "TurnRequested", deployment: "shop-web-a", priority: 80 }),
  ],
  ["there is room elsewhere", "it waits for no room any more", (world) => world.node("n3", 9)],
  [
    "the node is cordoned",
    "cordoned: broken",
    (world) => world.nodeEvent({ type: "NodeCordoned", node: "n1", reason: "broken" }),
  ],
  [
    "the node is removed",
    "node n1 is not in pod p any more",
    (world) => world.nodeEvent({ type: "NodeRemoved", node: "n1" }),
  ],
])("room is kept no longer when %s", (_when, detail, happens) => {
  const world = full().deploy("shop-web-a", 1, urgent);
  world.passes();
  happens(world);
  expect(only(world.passes(), "PreemptionEnded")).toMatchObject([{ ended: [{ node: "n1", detail }] }]);
  world.settle();
  expect(kept(world).filter(([id]) => id === "shop-web-a")).toEqual([]);
});

test("a dry run names the same victims as the decision that follows", () => {
  const world = full();
  const request = world.requestFor("shop-web-a", 2, { ...urgent, ...cpu(1.5) });
  const { type: _, onShortage: __, ...asked } = request;
  const { preemption, waiting } = dryRun(world.zone, asked);
  expect(waiting).toBe(2);
  world.deploy("shop-web-a", 2, { ...urgent, ...cpu(1.5) });
  const [said] = only(world.passes(), "PreemptionDecided");
  expect(said?.places).toEqual(preemption?.places);
  expect(said?.runnersUp).toEqual(preemption?.runnersUp);
  expect(dryRun(world.zone, { ...asked, preempt: false }).preemption).toBeUndefined();
});

test("a place is made for each that lacks one, and no more when fewer are wanted", () => {
  const world = full().deploy("shop-web-a", 3, urgent);
  const [said] = only(world.passes(), "PreemptionDecided");
  expect(said?.places.flatMap(({ victims }) => victims)).toHaveLength(3);
  world.scale("shop-web-a", 1);
  expect(only(world.passes(), "PreemptionEnded")[0]?.ended.map(({ detail }) => detail)).toEqual([
    "fewer are wanted now",
    "fewer are wanted now",
  ]);
  world.settle();
  expect(world.staying("shop-web-a")).toHaveLength(1);
  expect(world.staying("shop-web-low")).toHaveLength(3);
});

test("who goes frees room for several, and nobody else has to", () => {
  const world = new World()
    .node("n1", 4)
    .deploy("shop-web-low", 1, { priority: 40, ...cpu(4) })
    .now();
  world.deploy("shop-web-a", 3, urgent);
  expect(only(world.settle(), "PreemptionDecided")).toMatchObject([{ places: [{ node: "n1", count: 3 }] }]);
  expect(world.staying("shop-web-a")).toHaveLength(3);
});

test("who is displaced may displace others of a lower priority still, and nobody comes back over them", () => {
  const world = new World().node("n1", 1).node("n2", 1);
  world.deploy("shop-web-low", 1, { priority: 10 }).now();
  world.deploy("shop-web-mid", 1, { priority: 50, preempt: true }).now();
  world.deploy("shop-web-top", 1, urgent);
  const decided = world.settle();
  // The lowest goes first, although the other one is younger.
  expect(only(decided, "PreemptionDecided")).toMatchObject([{ deployment: "shop-web-top" }]);
  world.deploy("shop-web-other", 1, urgent);
  expect(only(world.settle(), "PreemptionDecided")).toMatchObject([
    { deployment: "shop-web-other", places: [{ victims: [{ deployment: "shop-web-mid" }] }] },
  ]);
  expect(world.plan().decisions).toEqual([]);
});

test("what was placed in the same pass does not take what is about to be made free with victims", () => {
  const world = new World().node("n1", 4).deploy("shop-web-low", 2, { priority: 40 }).now();
  world.deploy("shop-web-a", 1, { ...urgent, ...cpu(4) }).deploy("shop-web-small", 2, { priority: 30 });
  const decided = world.settle();
  expect(only(decided, "PreemptionDecided")).toHaveLength(1);
  expect(only(decided, "PlacementDecided").map(({ deployment }) => deployment)).toEqual(["shop-web-a"]);
});

test("victims drain before they stop", () => {
  const world = full().healthy("shop-web-low-1", "shop-web-low-2", "shop-web-low-3", "shop-web-low-4");
  world.route().elb("edge", world.seq);
  world.deploy("shop-web-a", 1, {
    ...urgent,
    template: { ...world.requestFor("x", 1).template, app: "other" },
  });
  const decided = world.passes({ elbs: new Map([["edge", world.seq]]) });
  expect(only(decided, "RemovalDecided")).toMatchObject([{ because: "preempted", drain: true }]);
  expect(only(decided, "StopDecided")).toEqual([]);
});

test("a displacement of which only the beginning was recorded is made again", () => {
  const world = full().deploy("shop-web-a", 1, urgent);
  const pass = world.plan();
  const until = pass.decisions.findIndex(({ event }) => event.type === "RemovalDecided");
  world.record({ ...pass, decisions: pass.decisions.slice(0, until), orders: [] });
  expect(only(world.settle(), "PreemptionEnded")).toMatchObject([
    { ended: [{ node: "n1", detail: "shop-web-low-2 was not told to go" }] },
  ]);
  expect(world.staying("shop-web-a")).toHaveLength(1);
});

test("what an upgrade failed with stays as evidence", () => {
  const world = new World().node("n1", 2).deploy("shop-web-low", 1, { priority: 40 });
  world.settle();
  world.upgrade("shop-web-low", "v2").now().failed("shop-web-low-2").now();
  expect(world.zone.deployments.get("shop-web-low")?.rollout?.step).toBe("halted");
  world.deploy("shop-web-a", 2, urgent);
  const [said] = only(world.passes(), "PreemptionDecided");
  expect(said?.places.flatMap(({ victims }) => victims)).toMatchObject([{ workload: "shop-web-low-1" }]);
});

test("while most nodes of the pod are silent nobody is displaced", () => {
  const world = full().decided({ type: "NodeSuspected", pod: "p", node: "n1", silentMs: 3_000 });
  world.decided({ type: "NodeLossHeld", pod: "p", nodes: ["n1"], nodesTotal: 2 });
  world.deploy("shop-web-a", 1, urgent);
  expect(only(world.passes(), "PreemptionDecided")).toEqual([]);
  world.decided({ type: "NodeRecovered", pod: "p", node: "n1" });
  expect(only(world.passes(), "PreemptionDecided")).toHaveLength(1);
});

test("ports, cards and volumes are room as well", () => {
  const machine = { resources: { cpu: 9, memoryMib: 10_000, gpus: { t4: ["0"] } } };
  const ports = { resources: { cpu: 1, memoryMib: 1, ports: [{ hostPort: 80, port: 8080 }] } };
  const card = { resources: { cpu: 1, memoryMib: 1, gpus: { t4: 1 } } };
  const world = new World().node("n1", 9, 10_000, machine);
  world
    .deploy("shop-web-low", 1, { priority: 40, ...ports })
    .deploy("shop-web-card", 1, { priority: 10, ...card })
    .now();
  world.deploy("shop-web-a", 1, { ...urgent, resources: { ...ports.resources, gpus: { t4: 1 } } });
  const [said] = only(world.settle(), "PreemptionDecided");
  expect(said?.places[0]?.victims.map(({ workload }) => workload)).toEqual([
    "shop-web-card-1",
    "shop-web-low-1",
  ]);
  expect(world.staying("shop-web-a")).toHaveLength(1);
});
