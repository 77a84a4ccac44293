import {
  countsPerNode,
  type DecisionEvent,
  type DeploymentEvent,
  type NodeEvent,
  type RecordedEvent,
  type Resources,
  Strategy,
} from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { recount, snapshot } from "../testkit/snapshot.ts";
import { only, World } from "../testkit/world.ts";
import { apply } from "./apply.ts";
import { type LivenessChange, noSignals, type Signals } from "./draft.ts";
import { awaitedHealth } from "./health-deadline.ts";
import { plan } from "./plan.ts";
import { rebalance } from "./rebalance.ts";
import { emptyZone, podOf, type Zone } from "./zone.ts";

// Goal: a recorded decision can be made again from the log up to its input. Method: random histories with narrow values,
// so that deployments, nodes and numbers collide; every batch that names its input is decided again, looking at
// everything, and must come out the same, event by event.

/** Milliseconds; these tests take a second or two on a quiet machine. */
const timeout = 60_000;

type Step = (world: World) => void;

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

const history = fc.array(
  fc.oneof(
    { arbitrary: request, weight: 2 },
    { arbitrary: nodes, weight: 2 },
    { arbitrary: moves, weight: 1 },
    { arbitrary: facts, weight: 3 },
    { arbitrary: passes, weight: 4 },
  ),
  { minLength: 20, maxLength: 80, size: "max" },
);

const play = (steps: readonly Step[]) => {
  const world = new World({ actionsMax: 4 });
  world.node("n1", 2).node("n2", 2);
  for (const step of steps) step(world);
  return world;
};

/** What else was known: what is not in the log before stands in the decisions themselves. */
function signalsOf(decided: readonly DecisionEvent[]): Signals {
  const going = new Set<string>();
  const stops: [string, "drained"][] = [];
  const changes: LivenessChange[] = [];
  for (const event of decided) {
    if (event.type === "NodeSuspected")
      changes.push({ node: event.node, to: "suspect", silentMs: event.silentMs });
    if (event.type === "NodeLost") changes.push({ node: event.node, to: "lost", silentMs: event.silentMs });
    if (event.type === "NodeRecovered") changes.push({ node: event.node, to: "alive" });
    if (event.type === "NodeLossHeld") changes.push({ held: event.nodes, nodesTotal: event.nodesTotal });
    if (event.type === "RemovalDecided") going.add(event.workload);
    if (event.type === "StopDecided" && !going.has(event.workload))
      stops.push([event.workload, event.because as "drained"]);
  }
  const steps = only(decided, "RolloutStepped");
  const elbs = decided
    .map((event) => ("elbs" in event ? event.elbs : reasonsOf(event)?.elbs))
    .find((tables) => tables);
  return {
    liveness: changes,
    stops: new Map(stops),
    elbs: new Map(elbs?.map(({ elb, appliedSeq }) => [elb, appliedSeq])),
    stalled: new Map(
      steps.flatMap(({ deployment, detail }) => {
        const [, seconds, workload] = /not healthy within (\d+) s; (\S+) on /.exec(detail) ?? [];
        return workload ? [[deployment, { workload, afterMs: Number(seconds) * 1_000 }]] : [];
      }),
    ),
    steady: new Set(only(decided, "DeploymentSteady").map(({ deployment }) => deployment)),
    overdue: new Set(only(decided, "DrainOverdue").map(({ node }) => node)),
    waitedOut: new Set(
      only(decided, "PlacementRefused").flatMap(({ deployment, waitedMs }) =>
        waitedMs === undefined ? [] : [deployment],
      ),
    ),
  };
}

const foldTo = (log: readonly RecordedEvent[], seq: number): Zone => {
  const zone = emptyZone();
  for (const recorded of log) if (recorded.seq <= seq) apply(zone, recorded);
  zone.seq = seq;
  return zone;
};

const inputOf = (event: DecisionEvent) => ("inputSeq" in event ? event.inputSeq : reasonsOf(event)?.inputSeq);
const reasonsOf = (event: DecisionEvent) => ("reasons" in event ? event.reasons : undefined);

test("replaying a decision with its recorded inputs gives the same decision", { timeout }, () => {
  let decidedAgain = 0;
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      const log = world.log.flatMap(({ recorded }) => recorded);
      for (const { pass, recorded } of world.log) {
        if (pass === undefined || !recorded[0]?.subject.startsWith("eru.decision.")) continue;
        const decided = recorded.map(({ event }) => event as DecisionEvent);
        const inputSeq = decided.map(inputOf).find((seq) => seq !== undefined);
        if (inputSeq === undefined) continue;
        const zone = foldTo(log, inputSeq);
        const again = plan(zone, podOf(zone, "p"), {
          focus: "all",
          signals: { ...noSignals, ...signalsOf(decided) },
          options: world.options,
        });
        expect(again.decisions.map(({ event }) => event)).toEqual(decided);
        decidedAgain++;
      }
    }),
    { numRuns: 300 },
  );
  expect(decidedAgain).toBeGreaterThan(500);
});

test("a zone folded again from its log equals the live one, and its sums what they sum up", {
  timeout,
}, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      const log = world.log.flatMap(({ recorded }) => recorded);
      expect(snapshot(foldTo(log, world.seq))).toEqual(snapshot(world.zone));
      const { kept, counted } = recount(world.zone);
      expect(kept).toEqual(counted);
    }),
    { numRuns: 200 },
  );
});

test("looking at everything finds nothing that the touched deployments did not", { timeout }, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      world.passes();
      expect(world.plan().decisions.map(({ event }) => event)).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("a workload has one node for its whole life and its orders' generations only grow", { timeout }, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      const nodeOf = new Map<string, string>();
      const generation = new Map<string, number>();
      for (const { event } of world.log.flatMap(({ recorded }) => recorded)) {
        if (event.type !== "WorkloadAssigned" && event.type !== "WorkloadStopAssigned") continue;
        expect(nodeOf.get(event.workload) ?? event.node).toBe(event.node);
        expect(event.generation).toBeGreaterThan(generation.get(event.workload) ?? 0);
        nodeOf.set(event.workload, event.node);
        generation.set(event.workload, event.generation);
      }
    }),
    { numRuns: 200 },
  );
});
