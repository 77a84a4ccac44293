import { countsPerNode, type DeploymentEvent, type NodeEvent, type Resources, Strategy } from "@eru/events";
import fc from "fast-check";
import type { LivenessChange, Signals } from "../domain/draft.ts";
import { awaitedHealth } from "../domain/health-deadline.ts";
import { rebalance } from "../domain/rebalance.ts";
import { podOf } from "../domain/zone.ts";
import { World } from "./world.ts";

// Random histories of a zone, with narrow values, so that deployments, nodes and numbers collide.

/** Something that happens to a world. */
export type Step = (world: World) => void;

/** A node with something of every kind. */
const machine = (cpu: number): Partial<NodeEvent> => ({
  resources: {
    cpu,
    memoryMib: 10_000,
    cores: { "0": 100, "1": 100 },
    storageMib: 700,
    volumes: [{ path: "/mnt/a", sizeMib: 500 }],
  },
});

const id = fc.constantFrom("shop-web-a", "shop-web-b", "shop-web-c", "shop-web-d");
const node = fc.constantFrom("n1", "n2", "n3");
const some = fc.nat(5);

const workloadsOf = (world: World) => [...world.zone.workloads.values()];
// command-api never gives an id twice.
const isUsed = (world: World, deployment: string) =>
  world.log.some(({ recorded }) => recorded[0]?.subject === `eru.deployment.p.${deployment}`);
const nodeEvent = (world: World, event: NodeEvent) => {
  if (world.zone.nodes.has(event.node)) world.nodeEvent(event);
};

const settings = fc.constantFrom<Partial<Extract<DeploymentEvent, { type: "UpgradeRequested" }>>>(
  {},
  { onFailure: "rollback", surge: 2 },
  { onFailure: "rollback", surge: 2, batch: 1, canary: { percent: 30 } },
  { onFailure: "rollback", surge: 0, batch: 2, order: "stop-first", canary: { count: 1 } },
  { onFailure: "halt", resources: { cpu: 1, memoryMib: 50 } },
);

const request = fc.oneof(
  fc
    .tuple(
      id,
      fc.integer({ min: 0, max: 4 }),
      fc.nat(2),
      fc.constantFrom("wait", "refuse"),
      fc.constantFrom(0.5, 1),
      fc.constantFrom(...Strategy.options),
      fc.constantFrom<Partial<Resources>>(
        {},
        { bind: true },
        { volumes: [{ to: "/data", sizeMib: 300 }], storageMib: 100 },
        { ports: [{ hostPort: 80, port: 8080 }] },
      ),
      fc.constantFrom(undefined, 40, 60),
      fc.boolean(),
    )
    .map(
      ([deployment, count, nodesLimit, onShortage, cpu, strategy, more, priority, preempt]): Step =>
        (world) => {
          if (isUsed(world, deployment)) return;
          const resources = { cpu, memoryMib: 100, ...more };
          world.deploy(deployment, count, {
            nodesLimit,
            onShortage: onShortage as "wait",
            resources,
            strategy,
            ...(priority !== undefined && { priority }),
            ...(preempt && !countsPerNode(strategy) && { preempt }),
          });
        },
    ),
  fc.tuple(id, fc.nat(4)).map(
    ([deployment, count]): Step =>
      (world) =>
        void world.scale(deployment, count),
  ),
  fc.tuple(id, fc.constantFrom("v1", "v2"), settings).map(
    ([deployment, release, more]): Step =>
      (world) =>
        void (isUsed(world, deployment) && world.upgrade(deployment, release, 1, more)),
  ),
  fc.tuple(id, fc.constantFrom("Pause", "Resume", "Abort", "Promote")).map(
    ([deployment, word]): Step =>
      (world) => {
        const rollout = world.zone.deployments.get(deployment)?.rollout?.number;
        if (rollout) world.request({ type: `Rollout${word}Requested`, deployment, rollout });
      },
  ),
  id.map(
    (deployment): Step =>
      (world) =>
        void (isUsed(world, deployment) && world.request({ type: "RemovalRequested", deployment })),
  ),
  fc.tuple(id, fc.constantFrom(30, 70), fc.boolean()).map(
    ([deployment, priority, preempts]): Step =>
      (world) => {
        const preempt =
          preempts && !countsPerNode(world.zone.deployments.get(deployment)?.strategy ?? "auto");
        if (isUsed(world, deployment))
          world.request({ type: "TurnRequested", deployment, priority, preempt });
      },
  ),
);

const moves = fc
  .tuple(fc.constantFrom("even" as const, "empty" as const), fc.integer({ min: 1, max: 4 }))
  .map(
    ([goal, movesMax]): Step =>
      (world) => {
        const reply = rebalance(world.zone, { rebalance: "p", goal, movesMax });
        if (!reply || reply.moves.length === 0) return;
        const asked = reply.moves.map(({ gain: _, ...move }) => move);
        world.append("eru.pod.p", {
          type: "RebalanceRequested",
          ...{ pod: "p", goal, moves: asked, atSeq: reply.atSeq },
        });
      },
  );

const nodes = fc.oneof(
  fc.tuple(node, fc.constantFrom(1, 2, 3)).map(
    ([name, cpu]): Step =>
      (world) =>
        void (world.zone.nodes.has(name) || world.node(name, cpu, 10_000, machine(cpu))),
  ),
  node.map(
    (name): Step =>
      (world) =>
        nodeEvent(world, { type: "NodeCordoned", node: name, reason: "" }),
  ),
  node.map(
    (name): Step =>
      (world) =>
        nodeEvent(world, { type: "NodeUncordoned", node: name }),
  ),
  node.map(
    (name): Step =>
      (world) =>
        nodeEvent(world, { type: "DrainRequested", node: name, reason: "" }),
  ),
  node.map(
    (name): Step =>
      (world) =>
        nodeEvent(world, { type: "DrainCancelled", node: name }),
  ),
  node.map(
    (name): Step =>
      (world) =>
        nodeEvent(world, { type: "NodeRemoved", node: name }),
  ),
);

const facts = fc.oneof(
  ...(["healthy", "failed", "gone"] as const).map((what) =>
    some.map(
      (n): Step =>
        (world) => {
          const workload = workloadsOf(world).at(n);
          if (workload && (what !== "gone" || workload.stopping)) world[what](workload.id);
        },
    ),
  ),
  fc.constant<Step>((world) => void world.agentsCatchUp()),
  fc.constant<Step>((world) => void world.route()),
  fc.constant<Step>(
    (world) => void world.append("eru.route.shop_example", { type: "RouteRemoved", host: "shop.example" }),
  ),
  fc.constant<Step>((world) => void world.elb("edge", world.seq)),
  some.map(
    (n): Step =>
      (world) => {
        const workload = workloadsOf(world).at(n);
        if (workload)
          world.append("eru.elb.edge", {
            type: "EndpointDrained",
            elb: "edge",
            workload: workload.id,
            inFlight: 0,
          });
      },
  ),
);

const liveness = fc.record({
  node,
  to: fc.constantFrom("suspect", "lost", "alive"),
  silentMs: fc.constant(6_000),
});
const signals = fc
  .record({
    liveness: fc.array(liveness, { maxLength: 1 }),
    alive: fc.boolean(),
    expired: fc.boolean(),
    told: fc.option(id, { nil: undefined }),
  })
  .map((given) => (world: World): Partial<Signals> => {
    const elbs = new Map(given.alive ? [["edge", world.zone.elbs.get("edge") ?? 0]] : []);
    const draining = new Set(given.expired ? [...podOf(world.zone, "p").draining].map((one) => one.id) : []);
    return {
      elbs,
      liveness: given.liveness as LivenessChange[],
      stops: new Map(world.due({ elbs, expired: draining })),
      stalled: lateIn(world, given.told),
      waitedOut: new Set(given.told ? [given.told] : []),
      steady: new Set(given.told ? [given.told] : []),
    };
  });

/** The first new workload of an upgrade that is not healthy, as one that is late. */
function lateIn({ zone }: World, id: string | undefined): Signals["stalled"] {
  const deployment = zone.deployments.get(id ?? "");
  const [late] = deployment ? awaitedHealth(deployment) : [];
  return new Map(deployment && late ? [[deployment.id, { workload: late.workload, afterMs: 9_000 }]] : []);
}

const passes = fc.oneof(
  signals.map(
    (given): Step =>
      (world) =>
        void world.pass(given(world)),
  ),
  // Something is recorded between what a pass saw and the pass.
  fc.tuple(signals, fc.oneof(request, nodes, facts)).map(
    ([given, between]): Step =>
      (world) => {
        const pass = world.plan(given(world), [...podOf(world.zone, "p").touched]);
        between(world);
        world.record(pass);
      },
  ),
);

/** What happens, one after the other: users, nodes, agents, load balancers, and passes of the scheduler. */
export const history = fc.array(
  fc.oneof(
    { arbitrary: request, weight: 2 },
    { arbitrary: nodes, weight: 2 },
    { arbitrary: moves, weight: 1 },
    { arbitrary: facts, weight: 3 },
    { arbitrary: passes, weight: 4 },
  ),
  { minLength: 20, maxLength: 80, size: "max" },
);

/** The world after it. */
export const play = (steps: readonly Step[]): World => {
  const world = new World(playOptions);
  world.node("n1", 2).node("n2", 2);
  for (const step of steps) step(world);
  return world;
};

/** Few actions in a pass, so that much is left for the next. */
export const playOptions = { actionsMax: 4 };
