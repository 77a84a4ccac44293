import { type DecisionEvent, type EruEvent, type FactEvent, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { rowsAfter } from "../testkit/tables.ts";
import { World as NewWorld, reasons, template, type World } from "../testkit/world.ts";

const deployment = "shop-web-aaaaaa";
const resources = { cpu: 0.5, memoryMib: 64 };
const of = template("shop", "v1", "web");

/** A world in which a deployment was asked for. */
function wished(count: number, strategy: "auto" | "each" = "auto"): World {
  const world = new NewWorld();
  world.append(subjects.deployment("p1", deployment), "user:ada", [
    {
      type: "DeploymentRequested",
      ...{ deployment, pod: "p1", template: of, count, resources, strategy, nodesLimit: 0 },
      ...{ filter: { includes: [], excludes: [], labels: {} }, onShortage: "wait" },
    },
  ]);
  return world;
}

const decide = (world: World, ...events: DecisionEvent[]) =>
  world.append(subjects.decision("p1"), "scheduler", events);
const wish = (world: World, event: EruEvent) =>
  world.append(subjects.deployment("p1", deployment), "user:ada", [event]);
const say = (world: World, ...events: FactEvent[]) => world.append(subjects.fact("n1"), "agent:n1", events);

const id = (n: number) => `${deployment}-${n}`;
const on = (n: number, generation = 1) => ({ node: "n1", workload: id(n), generation });

/** Places workloads on n1, with their orders. */
function place(world: World, workloads: readonly number[], waiting = 0): void {
  const placed = workloads.map((n) => ({ workload: id(n), node: "n1" }));
  decide(world, {
    type: "PlacementDecided",
    ...{ deployment, release: "v1", because: "deployed", templateSeq: 1, placed, waiting },
    reasons: reasons(world.seq, { resources }),
  });
  for (const n of workloads)
    world.append(subjects.assignment("n1"), "scheduler", [
      { type: "WorkloadAssigned", ...on(n), pod: "p1", deployment, template: of, resources },
    ]);
}

/** Brings a workload up. */
function start(world: World, n: number, attempt = 1): void {
  say(
    world,
    { type: "ContainerCreated", ...on(n), containerId: `c${n}` },
    { type: "ContainerStarted", ...on(n), containerId: `c${n}`, attempt, endpoints: [] },
    { type: "ContainerHealthy", ...on(n), attempt },
  );
}

const workload = (world: World, n = 1) => rowsAfter(world, "workloads").find((row) => row.workload === id(n));
const state = (world: World, n = 1) => workload(world, n)?.state;
const theDeployment = (world: World) => rowsAfter(world, "deployments")[0];
const booked = (world: World) => rowsAfter(world, "nodeUse")[0];

test("a workload is placed with all that was decided, and goes through its life", () => {
  const world = wished(1);
  place(world, [1]);
  expect(workload(world)).toMatchObject({
    ...{ deployment, pod: "p1", app: "shop", entrypoint: "web", release: "v1", node: "n1" },
    ...{ state: "assigned", generation: 1, cpuMilli: 500, memoryMib: 64, firstPort: 8080 },
    ...{ placedBecause: "deployed", placedSeq: 2, changedSeq: 3, image: "registry.local/shop:v1" },
  });
  say(world, { type: "ContainerCreated", ...on(1), containerId: "c1" });
  expect(state(world)).toBe("created");
  const endpoints = [{ port: 8080, ip: "10.0.0.2", hostPort: 8080 }];
  say(world, { type: "ContainerStarted", ...on(1), containerId: "c1", attempt: 1, endpoints });
  expect(workload(world)).toMatchObject({
    state: "started",
    attempt: 1,
    endpoints: JSON.stringify(endpoints),
  });
  const healthySeq = say(world, { type: "ContainerHealthy", ...on(1), attempt: 1 });
  expect(workload(world)).toMatchObject({ state: "healthy", healthySeq });
  say(world, { type: "ContainerUnhealthy", ...on(1), attempt: 1, reason: "503 from GET /" });
  expect(workload(world)).toMatchObject({ state: "unhealthy", lastError: "503 from GET /" });
});

test("an exit that is tried again, and one that is not", () => {
  const world = wished(1);
  place(world, [1]);
  start(world, 1);
  const exited = { type: "ContainerExited", ...on(1), exitCode: 137, outOfMemory: true } as const;
  say(world, { ...exited, attempt: 1, retryInMs: 1_000 });
  expect(workload(world)).toMatchObject({
    ...{ state: "exited", exitCode: 137, outOfMemory: 1, retryInMs: 1_000 },
    lastError: "exited with 137, out of memory",
  });
  start(world, 1, 2);
  expect(workload(world)).toMatchObject({ state: "healthy", attempt: 2, retryInMs: null, exitCode: 137 });
  say(world, { ...exited, attempt: 2 });
  expect(workload(world)).toMatchObject({ state: "failed", retryInMs: null });
});

test("what an older start or an older generation says is ignored", () => {
  const world = wished(1);
  place(world, [1]);
  start(world, 1, 2);
  say(world, { type: "ContainerUnhealthy", ...on(1), attempt: 1, reason: "old" });
  expect(state(world)).toBe("healthy");
  world.append(subjects.assignment("n1"), "scheduler", [
    { type: "WorkloadAssigned", ...on(1, 3), pod: "p1", deployment, template: of, resources },
  ]);
  expect(workload(world)).toMatchObject({ state: "assigned", generation: 3, attempt: 0 });
  say(world, { type: "ContainerRemoved", ...on(1, 1), ordered: true });
  expect(state(world)).toBe("assigned");
});

test("a failure to stop does not end what runs", () => {
  const world = wished(1);
  place(world, [1]);
  start(world, 1);
  say(world, {
    type: "ContainerFailed",
    ...on(1),
    step: "stop",
    error: "timeout",
    attempt: 1,
    retryInMs: 10,
  });
  expect(workload(world)).toMatchObject({ state: "healthy", lastError: "stop: timeout" });
  say(world, { type: "ContainerFailed", ...on(1), step: "start", error: "port taken", attempt: 1 });
  expect(workload(world)).toMatchObject({ state: "failed", lastError: "start: port taken" });
});

test("a workload drains, stops and is gone; its resources return once", () => {
  const world = wished(1);
  place(world, [1, 2]);
  start(world, 1);
  expect(booked(world)).toEqual({ node: "n1", workloads: 2, cpuMilli: 1_000, memoryMib: 128 });
  const going = { deployment, workload: id(1), node: "n1" };
  const removal = { type: "RemovalDecided", ...going, because: "scaled", drainDeadlineMs: 1_000 } as const;
  decide(world, { ...removal, drain: true });
  expect(workload(world)).toMatchObject({ state: "draining", observed: "healthy", leavingBecause: "scaled" });
  decide(world, { type: "StopDecided", ...going, because: "drained" });
  expect(state(world)).toBe("stopping");
  decide(world, { ...removal, drain: true });
  expect(state(world)).toBe("stopping");
  say(world, { type: "ContainerExited", ...on(1), attempt: 1, exitCode: 0, outOfMemory: false });
  expect(state(world)).toBe("stopping");
  expect(booked(world)).toMatchObject({ workloads: 2 });
  say(world, { type: "ContainerRemoved", ...on(1, 2), exitCode: 0, ordered: true });
  expect(workload(world)).toMatchObject({ state: "removed", endpoints: "[]", exitCode: 0 });
  expect(booked(world)).toEqual({ node: "n1", workloads: 1, cpuMilli: 500, memoryMib: 64 });
  say(world, { type: "ContainerRemoved", ...on(1, 2), ordered: true });
  start(world, 1, 2);
  expect(state(world)).toBe("removed");
  expect(booked(world)).toMatchObject({ workloads: 1 });
});

test("a container that disappeared without an order is gone until it is made again", () => {
  const world = wished(1);
  place(world, [1]);
  start(world, 1);
  say(world, { type: "ContainerRemoved", ...on(1), ordered: false });
  expect(workload(world)).toMatchObject({ state: "removed", lastError: "disappeared without an order" });
  expect(booked(world)).toMatchObject({ workloads: 0, cpuMilli: 0 });
  start(world, 1, 2);
  expect(workload(world)).toMatchObject({ state: "healthy", removedAt: null });
  expect(booked(world)).toMatchObject({ workloads: 1, cpuMilli: 500 });
});

test("a lost node frees its resources and books them again when it returns", () => {
  const world = wished(2);
  place(world, [1, 2]);
  start(world, 1);
  decide(world, { type: "NodeLost", pod: "p1", node: "n1", silentMs: 6_000, workloads: 2 });
  expect([state(world, 1), state(world, 2)]).toEqual(["lost", "lost"]);
  expect(booked(world)).toMatchObject({ workloads: 0, cpuMilli: 0, memoryMib: 0 });
  expect(theDeployment(world)).toMatchObject({ reason: "node n1 was lost" });
  decide(world, { type: "NodeRecovered", pod: "p1", node: "n1" });
  expect([state(world, 1), state(world, 2)]).toEqual(["healthy", "assigned"]);
  expect(booked(world)).toMatchObject({ workloads: 2, cpuMilli: 1_000 });
});

test("a removed node's workloads are lost with it", () => {
  const world = wished(1);
  place(world, [1]);
  world.append(subjects.node("n1"), "user:ada", [{ type: "NodeRemoved", node: "n1" }]);
  expect(state(world)).toBe("lost");
  expect(theDeployment(world)).toMatchObject({ reason: "node n1 was removed" });
});

test("an assignment alone, without its decision, makes the workload known", () => {
  const world = new NewWorld();
  world.append(subjects.assignment("n1"), "scheduler", [
    { type: "WorkloadAssigned", ...on(1), pod: "p1", deployment, template: of, resources },
  ]);
  expect(workload(world)).toMatchObject({ app: "shop", state: "assigned", placedBecause: null });
});

test("a deployment is placing, then running, then degraded, and forgets the reason when it runs again", () => {
  const world = wished(2);
  expect(theDeployment(world)).toMatchObject({ state: "placing", wanted: 2, requestedBy: "user:ada" });
  place(world, [1, 2]);
  start(world, 1);
  expect(theDeployment(world)).toMatchObject({ state: "placing" });
  start(world, 2);
  expect(theDeployment(world)).toMatchObject({ state: "running", reason: null });
  say(world, { type: "ContainerUnhealthy", ...on(1), attempt: 1, reason: "503" });
  expect(theDeployment(world)).toMatchObject({ state: "degraded", reason: `${id(1)} is unhealthy: 503` });
  say(world, { type: "ContainerHealthy", ...on(1), attempt: 1 });
  expect(theDeployment(world)).toMatchObject({ state: "running", reason: null });
  say(world, { type: "ContainerRemoved", ...on(1), ordered: false });
  expect(theDeployment(world)).toMatchObject({ state: "degraded" });
  start(world, 1, 2);
  wish(world, { type: "ScaleRequested", deployment, count: 3 });
  expect(theDeployment(world)).toMatchObject({ state: "placing", wanted: 3 });
});

test("a crash before it ever ran is degraded, not placing", () => {
  const world = wished(1);
  place(world, [1]);
  say(world, {
    type: "ContainerFailed",
    ...on(1),
    step: "pull",
    error: "no such image",
    attempt: 1,
    retryInMs: 9,
  });
  expect(theDeployment(world)).toMatchObject({
    state: "degraded",
    reason: `${id(1)} failed to pull: no such image`,
  });
});

test("what has no room waits with the reason, until it is placed or not wished any more", () => {
  const short = reasons(1, {
    nodesTotal: 2,
    rejectedTotals: { cpu: 2 },
    wouldHelp: ["0.5 cores more on n1"],
  });
  const world = wished(3);
  place(world, [1]);
  decide(world, { type: "PlacementDeferred", deployment, waiting: 2, reasons: short });
  expect(theDeployment(world)).toMatchObject({
    ...{ state: "waiting", waiting: 2, reasonSeq: world.seq },
    reason: "2 wait, 2 nodes: cpu on 2; would help: 0.5 cores more on n1",
  });
  place(world, [2], 1);
  expect(theDeployment(world)).toMatchObject({ state: "waiting", waiting: 1 });
  wish(world, { type: "ScaleRequested", deployment, count: 2 });
  expect(theDeployment(world)).toMatchObject({ state: "placing", waiting: 0 });
  decide(world, { type: "PlacementRefused", deployment, refused: 1, reasons: short });
  expect(theDeployment(world)).toMatchObject({ state: "refused", refused: 1 });
  wish(world, { type: "ScaleRequested", deployment, count: 2 });
  expect(theDeployment(world)).toMatchObject({ state: "placing", refused: 0 });
});

test("an upgrade is a state until it completes, and halts with its reason", () => {
  const world = wished(1);
  place(world, [1]);
  start(world, 1);
  wish(world, { type: "UpgradeRequested", deployment, template: template("shop", "v2", "web"), surge: 1 });
  expect(theDeployment(world)).toMatchObject({ state: "upgrading", release: "v2", rolloutStep: "requested" });
  const step = (name: "placing" | "halted" | "completed", detail: string) =>
    decide(world, {
      type: "RolloutStepped",
      ...{
        deployment,
        release: "v2",
        templateSeq: world.seq,
        step: name,
        fresh: 1,
        stale: 1,
        detail,
        elbs: [],
      },
    });
  step("placing", "1 of 1");
  expect(theDeployment(world)).toMatchObject({
    state: "upgrading",
    rollout: expect.stringContaining("1 of 1"),
  });
  step("halted", "never healthy");
  expect(theDeployment(world)).toMatchObject({ state: "halted", reason: "never healthy" });
  step("completed", "");
  expect(theDeployment(world)).toMatchObject({ state: "running", rolloutStep: "completed" });
});

test("replacements that keep failing halt the deployment until it is steady", () => {
  const world = wished(1);
  decide(world, { type: "DeploymentHalted", deployment, failures: 5, detail: "exited with 1" });
  expect(theDeployment(world)).toMatchObject({
    state: "halted",
    reason: "halted after 5 failures: exited with 1",
  });
  decide(world, { type: "DeploymentSteady", deployment });
  expect(theDeployment(world)).toMatchObject({ state: "placing" });
});

test("a halted deployment says why it was halted until something else is asked for", () => {
  const exits = (world: World, n: number) =>
    say(world, { type: "ContainerExited", ...on(n), attempt: 1, exitCode: 3, outOfMemory: false });
  const halted = () => {
    const world = wished(2);
    place(world, [1, 2]);
    decide(world, { type: "DeploymentHalted", deployment, failures: 5, detail: "no such image" });
    exits(world, 2);
    expect(theDeployment(world)).toMatchObject({ reason: "halted after 5 failures: no such image" });
    return world;
  };
  const orders: EruEvent[] = [
    { type: "UpgradeRequested", deployment, template: template("shop", "v2", "web"), surge: 1 },
    { type: "ScaleRequested", deployment, count: 3 },
    { type: "RemovalRequested", deployment },
  ];
  for (const order of orders) {
    const world = halted();
    wish(world, order);
    expect(theDeployment(world), order.type).toMatchObject({ reason: null, reasonSeq: null });
    exits(world, 2);
    expect(theDeployment(world), order.type).toMatchObject({ reason: `${id(2)} exited with 3` });
  }
});

test("what waits for room says why also after scaling, as long as it waits", () => {
  const world = wished(3);
  decide(world, { type: "PlacementDeferred", deployment, waiting: 3, reasons: reasons(1, { resources }) });
  const { reason } = theDeployment(world) ?? {};
  wish(world, { type: "ScaleRequested", deployment, count: 2 });
  expect(theDeployment(world)).toMatchObject({ state: "waiting", waiting: 2, reason });
});

test("scaling makes nothing healthy: the reason stays", () => {
  const world = wished(1);
  place(world, [1]);
  say(world, { type: "ContainerUnhealthy", ...on(1), attempt: 1, reason: "503" });
  wish(world, { type: "ScaleRequested", deployment, count: 2 });
  expect(theDeployment(world)).toMatchObject({ state: "degraded", reason: `${id(1)} is unhealthy: 503` });
});

test("a removed deployment is removing until the scheduler's last word about it", () => {
  const world = wished(1);
  wish(world, { type: "RemovalRequested", deployment });
  expect(theDeployment(world)).toMatchObject({ state: "removing", wanted: 0 });
  decide(world, { type: "DeploymentEnded", deployment });
  expect(theDeployment(world)).toMatchObject({ state: "removed" });
});

test("decisions are kept with what they are about", () => {
  const world = wished(2);
  place(world, [1], 1);
  decide(world, { type: "NodeLost", pod: "p1", node: "n1", silentMs: 6_000, workloads: 1 });
  expect(rowsAfter(world, "decisions")).toMatchObject([
    { type: "PlacementDecided", pod: "p1", deployment, because: "deployed", placed: 1, waiting: 1 },
    { type: "NodeLost", deployment: null, because: null, placed: 0 },
  ]);
});

test("what counts per node wants what the scheduler says, and after a scale as many on as many nodes", () => {
  const world = wished(1, "each");
  expect(theDeployment(world)).toMatchObject({ state: "placing", wanted: 1 });
  const sets = (perNode: number, nodesChosen: number, wanted: number, detail = "") =>
    decide(world, {
      type: "SetsDecided",
      ...{ deployment, perNode, nodesChosen, nodesLacking: 0, wanted, requestSeq: 1 },
      ...{ inputSeq: world.seq, detail },
    });
  sets(1, 0, 0, "nothing to place");
  expect(theDeployment(world)).toMatchObject({ state: "running", wanted: 0 });
  sets(1, 2, 2);
  expect(theDeployment(world)).toMatchObject({ state: "placing", wanted: 2 });
  place(world, [1, 2]);
  start(world, 1);
  start(world, 2);
  expect(theDeployment(world)).toMatchObject({ state: "running", settled: 1 });
  wish(world, { type: "ScaleRequested", deployment, count: 3 });
  expect(theDeployment(world)).toMatchObject({
    ...{ state: "placing", wanted: 6 },
    sets: JSON.stringify({ perNode: 3, nodesChosen: 2, nodesLacking: 0 }),
  });
});
