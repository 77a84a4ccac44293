import { type EruEvent, rulesFrom, subjects } from "@eru/events";
import type { StoredMessage } from "@eru/log";
import { certificateStep } from "./certificate-history.ts";
import { changeStep } from "./change-histories.ts";
import { dissociationStep } from "./dissociation-histories.ts";
import { elbReportsStep, elbWordStep, stageStep } from "./elb-histories.ts";
import { factStep } from "./facts.ts";
import { preemptStep } from "./preempt-histories.ts";
import { quotaStep, turnStep } from "./quota-histories.ts";
import { reallocStep } from "./realloc-histories.ts";
import { usageStep } from "./usage-histories.ts";
import { appSpec, type ModelWorkload, reasons, template, userActor, World } from "./world.ts";

/** Chooses one of `n`: 0 to n-1. */
export type Choose = (n: number) => number;

/**
 * A plausible log: what the services could have written, with every type of event, several events in a message, batches,
 * lost and returning nodes, crash loops, upgrades, and things removed and made again under the same name. Names are few,
 * so that they collide. The same choices make the same log.
 */
export function makeHistory(choose: Choose, messages: number): StoredMessage[] {
  const world = new World();
  // Not every step finds something to do.
  for (let taken = 0; world.seq < messages && taken < messages * 20; taken++)
    pick(choose, steps)(world, choose);
  return world.log;
}

/** The same log from the same seed. */
export function chooseBySeed(seed: number): Choose {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

type Step = (world: World, choose: Choose) => void;

const pick = <T>(choose: Choose, from: readonly [T, ...T[]] | readonly T[]): T =>
  from[choose(from.length)] as T;

/** Takes the step when there is something to take it with. */
const withOne =
  <T>(of: (world: World) => readonly T[], step: (world: World, one: T, choose: Choose) => void): Step =>
  (world, choose) => {
    const among = of(world);
    if (among.length > 0) step(world, pick(choose, among), choose);
  };

const addPod: Step = (world, choose) => {
  const pod = pick(choose, ["p1", "p2"]);
  if (world.pods.includes(pod)) return;
  world.pods.push(pod);
  world.append(subjects.pod(pod), userActor, [{ type: "PodAdded", pod, description: `pod ${pod}` }]);
};

const removePod = withOne(
  (world) => world.pods.filter((pod) => world.nodes.every((node) => node.pod !== pod)),
  (world, pod) => {
    world.pods.splice(world.pods.indexOf(pod), 1);
    world.append(subjects.pod(pod), userActor, [{ type: "PodRemoved", pod }]);
  },
);

const addNode = withOne(
  (world) => world.pods,
  (world, pod, choose) => {
    const node = pick(choose, ["n1", "n2", "n3"]);
    if (world.nodes.some((one) => one.name === node)) return;
    world.nodes.push({ name: node, pod, lost: false });
    const resources = choose(2) === 0 ? { resources: { cpu: 2, memoryMib: 512 } } : {};
    world.append(subjects.node(node), userActor, [
      { type: "NodeAdded", node, pod, labels: { zone: "a" }, ...resources },
    ]);
  },
);

const changeNode = withOne(
  (world) => world.nodes,
  (world, { name: node }, choose) => {
    const changes: EruEvent[] = [
      { type: "NodeCordoned", node, reason: "disk" },
      { type: "NodeUncordoned", node },
      { type: "DrainRequested", node, reason: "fan" },
      { type: "DrainPaused", node },
      { type: "DrainResumed", node },
      { type: "DrainCancelled", node },
      { type: "NodeLabelled", node, labels: { zone: "b", disk: "ssd" } },
      { type: "NodeResourcesSet", node, resources: { cpu: 1.5, memoryMib: 256 } },
    ];
    world.append(subjects.node(node), userActor, [pick(choose, changes)]);
  },
);

const removeNode = withOne(
  (world) => world.nodes,
  (world, node) => {
    world.nodes.splice(world.nodes.indexOf(node), 1);
    world.append(subjects.node(node.name), userActor, [{ type: "NodeRemoved", node: node.name }]);
  },
);

const agentSpeaks = (world: World, choose: Choose) => {
  const node = pick(choose, ["n1", "n2", "n3"]);
  const said: EruEvent[] = [
    {
      type: "NodeObserved",
      node,
      resources: { cpu: 4, memoryMib: 1024 },
      engine: "20.10",
      agentVersion: "1",
    },
    { type: "EngineUnreachable", node, error: "connection refused" },
    { type: "EngineBack", node },
  ];
  world.append(subjects.fact(node), `agent:${node}`, [pick(choose, said)]);
};

const judgeNode = withOne(
  (world) => world.nodes,
  (world, node, choose) => {
    const { name, pod } = node;
    const shared = { node: name, generation: world.seq + 1, cores: ["1", "2"] };
    const verdicts: EruEvent[] = [
      { type: "NodeRecovered", pod, node: name },
      { type: "NodeSuspected", pod, node: name, silentMs: 2_000 },
      { type: "NodeLost", pod, node: name, silentMs: 6_000, workloads: 1 },
      { type: "NodeLossHeld", pod, nodes: [name], nodesTotal: 3 },
      { type: "DrainOverdue", pod, node: name, left: 2 },
      { type: "SharedCoresDecided", pod, ...shared },
    ];
    const verdict = pick(choose, verdicts);
    world.append(subjects.decision(pod), "scheduler", [verdict]);
    if (verdict.type === "SharedCoresDecided")
      world.append(subjects.assignment(name), "scheduler", [{ type: "SharedCoresAssigned", ...shared }]);
  },
);

const register: Step = (world, choose) => {
  const app = pick(choose, ["shop", "shop-web"]);
  const release = pick(choose, ["v1", "v2", "abcdef1"]);
  if (!world.releases.some((one) => one.app === app))
    world.append(subjects.app(app), userActor, [{ type: "AppRegistered", app }]);
  if (world.releases.some((one) => one.app === app && one.release === release)) return;
  world.releases.push({ app, release });
  const gitSha = release === "abcdef1" ? { gitSha: "abcdef1" } : {};
  const image = `registry.local/${app}:${release}`;
  world.append(subjects.app(app), userActor, [
    { type: "ReleaseRegistered", app, release, ...gitSha, image, spec: appSpec(app), specText: "appname: x" },
  ]);
};

const removeApp = withOne(
  (world) => world.releases.filter(({ app }) => world.deployments.every((one) => one.template.app !== app)),
  (world, { app }) => {
    for (const one of world.releases.filter((release) => release.app === app))
      world.releases.splice(world.releases.indexOf(one), 1);
    world.append(subjects.app(app), userActor, [{ type: "AppRemoved", app }]);
  },
);

const request = withOne(
  (world) => world.releases.filter(() => world.pods.length > 0),
  (world, { app, release }, choose) => {
    const pod = pick(choose, world.pods);
    const of = template(app, release, pick(choose, ["web", "job"]));
    const id = `${app}-${of.entrypointName}-${String(world.deployments.length).padStart(6, "0")}`;
    const count = choose(3);
    const seq = world.append(subjects.deployment(pod, id), userActor, [
      {
        type: "DeploymentRequested",
        deployment: id,
        pod,
        template: of,
        count,
        resources: { cpu: 0.1, memoryMib: 32 },
        strategy: "auto",
        nodesLimit: 0,
        filter: { includes: [], excludes: [], labels: {} },
        onShortage: choose(2) === 0 ? "wait" : "refuse",
        ...(choose(3) === 0 && { priority: choose(101), waitDeadlineMs: 60_000 }),
      },
    ]);
    world.deployments.push({
      id,
      pod,
      template: of,
      seq,
      count,
      lastN: 0,
      removed: false,
      upgrading: false,
      rollouts: 0,
    });
  },
);

const changeWish = withOne(
  (world) => world.deployments.filter((one) => !one.removed),
  (world, deployment, choose) => {
    const { id, pod, template: now } = deployment;
    const subject = subjects.deployment(pod, id);
    switch (choose(5)) {
      case 0:
        deployment.count = choose(3);
        world.append(subject, userActor, [
          { type: "ScaleRequested", deployment: id, count: deployment.count },
        ]);
        break;
      case 1: {
        deployment.template = template(now.app, now.release === "v1" ? "v2" : "v1", now.entrypointName);
        deployment.upgrading = true;
        deployment.rollouts++;
        const resources = { cpu: 0.2, memoryMib: 32 };
        const upgrade = { type: "UpgradeRequested", deployment: id, template: deployment.template } as const;
        deployment.seq = world.append(subject, userActor, [
          { ...upgrade, surge: 1, ...(choose(2) === 0 && { resources, onFailure: "rollback" as const }) },
        ]);
        break;
      }
      case 2:
      case 3: {
        const word = pick(choose, ["Pause", "Resume", "Abort", "Promote"] as const);
        const rollout = Math.max(1, deployment.rollouts - choose(2));
        world.append(subject, userActor, [{ type: `Rollout${word}Requested`, deployment: id, rollout }]);
        break;
      }
      default:
        deployment.removed = true;
        world.append(subject, userActor, [{ type: "RemovalRequested", deployment: id }]);
    }
  },
);

/** Places up to two workloads: the decision and the orders in one batch. */
const placeSome = withOne(
  (world) => world.deployments.filter((one) => world.nodes.some((node) => node.pod === one.pod)),
  (world, deployment, choose) => {
    const nodes = world.nodes.filter((node) => node.pod === deployment.pod);
    const placed = Array.from({ length: 1 + choose(2) }, (): ModelWorkload => {
      deployment.lastN++;
      return {
        id: `${deployment.id}-${deployment.lastN}`,
        deployment,
        node: pick(choose, nodes).name,
        generation: 1,
        attempt: 0,
        phase: "assigned",
        going: "no",
      };
    });
    const seq = world.append(
      subjects.decision(deployment.pod),
      "scheduler",
      [
        {
          type: "PlacementDecided",
          deployment: deployment.id,
          release: deployment.template.release,
          because: pick(choose, ["deployed", "scaled", "upgrade", "node_lost", "failed", "room"]),
          templateSeq: deployment.seq,
          placed: placed.map(({ id, node }) => ({ workload: id, node })),
          waiting: choose(2),
          reasons: reasons(world.seq),
        },
      ],
      `m${deployment.seq}`,
    );
    for (const one of placed) assign(world, one, seq);
    world.workloads.push(...placed);
  },
);

function assign(world: World, { id, node, deployment }: ModelWorkload, decisionSeq: number): void {
  world.append(
    subjects.assignment(node),
    "scheduler",
    [
      {
        type: "WorkloadAssigned",
        node,
        pod: deployment.pod,
        workload: id,
        deployment: deployment.id,
        generation: 1,
        template: deployment.template,
        resources: { cpu: 0.1, memoryMib: 32 },
      },
    ],
    `m${decisionSeq}`,
  );
}

const rolloutSteps = [
  "started",
  "placing",
  "retiring",
  "canary",
  "completed",
  "halted",
  "rolling_back",
  "rolled_back",
] as const;

const judgeDeployment = withOne(
  (world) => world.deployments,
  (world, deployment, choose) => {
    const { id, pod } = deployment;
    const short = reasons(world.seq, { wouldHelp: ["0.1 cores more on n2"] });
    const release = deployment.template.release;
    const step = pick(choose, rolloutSteps);
    const numbered = choose(2) === 0 && { rollout: Math.max(1, deployment.rollouts), back: choose(2) === 0 };
    const verdicts: EruEvent[] = [
      { type: "PlacementDeferred", deployment: id, waiting: 1, reasons: short },
      { type: "PlacementRefused", deployment: id, refused: 1, reasons: short },
      { type: "DeploymentHalted", deployment: id, failures: 3, detail: "exited with 1" },
      { type: "DeploymentSteady", deployment: id },
      {
        type: "RolloutStepped",
        ...{ deployment: id, release, step, fresh: 1, stale: 1, detail: "one of two" },
        ...{ templateSeq: deployment.seq, elbs: [{ elb: "e1", appliedSeq: 1 }], ...numbered },
      },
    ];
    const ended: EruEvent = { type: "DeploymentEnded", deployment: id };
    world.append(subjects.decision(pod), "scheduler", [deployment.removed ? ended : pick(choose, verdicts)]);
  },
);

const removeWorkload = withOne(
  (world) => world.workloads.filter((one) => one.going !== "stopping"),
  (world, workload, choose) => {
    const { id, node, deployment, going } = workload;
    const of = { deployment: deployment.id, workload: id, node };
    const drain = choose(2) === 0;
    const removal: EruEvent = {
      type: "RemovalDecided",
      ...of,
      ...(choose(4) === 0 ? { because: "preempted", by: "shop-web-zzzzzz" } : { because: "scaled" }),
      drain,
      drainDeadlineMs: drain ? 30_000 : 0,
    };
    const stop: EruEvent = { type: "StopDecided", ...of, because: drain ? "drained" : "not_routed" };
    const now = going === "draining" ? [stop] : drain ? [removal] : [removal, stop];
    workload.going = now.includes(stop) ? "stopping" : "draining";
    world.append(subjects.decision(deployment.pod), "scheduler", now);
    if (workload.going === "draining") return;
    workload.generation++;
    const { generation } = workload;
    world.append(subjects.assignment(node), "scheduler", [
      { type: "WorkloadStopAssigned", node, workload: id, generation, graceSeconds: 10 },
    ]);
  },
);

const route: Step = (world, choose) => {
  const host = pick(choose, ["shop.localhost", "*.example.org", "*"]);
  const declared = world.hosts.indexOf(host);
  if (declared >= 0 && choose(2) === 0) {
    world.hosts.splice(declared, 1);
    world.append(subjects.route(host), userActor, [{ type: "RouteRemoved", host }]);
    return;
  }
  if (declared < 0) world.hosts.push(host);
  const rule = { pathPrefix: "/", app: pick(choose, ["shop", "shop-web"]), entrypoint: "web" };
  const rules = choose(2) === 0 ? [rule] : [rule, { ...rule, pathPrefix: "/api", pod: "p1", port: 8080 }];
  world.append(subjects.route(host), userActor, [{ type: "RouteDeclared", host, rules: rulesFrom(rules) }]);
};

const addUser: Step = (world, choose) => {
  const user = pick(choose, ["ada", "bob"]);
  const tokenHash = String(choose(4)).repeat(64);
  const events: EruEvent[] = [
    { type: "UserAdded", user },
    { type: "TokenIssued", user, tokenHash },
  ];
  world.append(subjects.user(user), "command-api", events.slice(choose(2)));
};

const staying = (world: World) => world.workloads.filter(({ going }) => going === "no");
const change: Step = withOne(staying, changeStep);
const realloc: Step = withOne(staying, reallocStep);
const dissociation: Step = withOne(staying, dissociationStep);
const turn: Step = withOne((world) => world.deployments.filter(({ removed }) => !removed), turnStep);
const usage: Step = withOne(staying, usageStep);
const quota: Step = withOne((world) => world.deployments, quotaStep);
const preempt: Step = withOne(staying, preemptStep);
const facts: Step = withOne((world) => world.workloads, factStep);

// A step that is listed twice is taken twice as often.
const steps: readonly Step[] = [
  ...[addPod, addNode, addNode, removePod, removeNode, changeNode, agentSpeaks, judgeNode, judgeNode],
  ...[register, register, removeApp, request, changeWish, judgeDeployment, route, elbReportsStep, addUser],
  ...[certificateStep, realloc, dissociation, elbWordStep, stageStep, turn, quota, usage, preempt],
  ...[placeSome, placeSome, removeWorkload, removeWorkload, change, facts, facts, facts, facts, facts],
  ...[facts, facts, facts, facts, facts, facts, facts, facts, facts, facts, facts, facts],
];
