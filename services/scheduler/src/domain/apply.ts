import {
  type DeploymentEvent,
  type ElbEvent,
  historyKind,
  type NodeEvent,
  type PodEvent,
  type RecordedEvent,
  type Resources,
  type RouteEvent,
  type Template,
} from "@eru/events";
import { Books } from "@eru/resources";
import { amountsOf, rebook } from "./amounts.ts";
import { askChange } from "./apply-change.ts";
import { applyDecision } from "./apply-decision.ts";
import { askOfWorkload, remember } from "./apply-dissociation.ts";
import { applyFact } from "./apply-fact.ts";
import { askRealloc, askReallocOfAll } from "./apply-realloc.ts";
import { applyRolloutWord, beginRollout, isRolloutWord } from "./apply-rollout.ts";
import { askCorrections } from "./apply-usage.ts";
import { askMoves } from "./asked-move.ts";
import { applyRoute, noteGroup } from "./carriers.ts";
import { causeOf, forgetWorkload, noteBound, settleHold } from "./changes.ts";
import { momentOf } from "./moment.ts";
import { touch, touchNode, touchReplacing } from "./touch.ts";
import { turnOf } from "./turn.ts";
import { agentOf, type Content, contentAt, type Deployment, type Node, podOf, type Zone } from "./zone.ts";

/** Histories the scheduler decides from. Assignments repeat what decisions say; apps are frozen into deployments. */
export const decidingKinds: ReadonlySet<string> = new Set([
  "pod",
  "node",
  "deployment",
  "decision",
  "fact",
  "route",
  "elb",
  "balancer",
]);

/**
 * Folds one event into the zone, in place for speed: only the fold writes to it. Total: whatever was recorded happened, and
 * what names something unknown changes nothing.
 */
export function apply(zone: Zone, recorded: RecordedEvent): void {
  const kind = historyKind(recorded.subject);
  zone.seq = recorded.seq;
  // The kind decides which union the event is of: decodeMessage checked it against the schema of its history.
  if (kind === "pod") {
    askMoves(zone, recorded as RecordedEvent<PodEvent>);
    askCorrections(zone, recorded as RecordedEvent<PodEvent>);
  }
  if (kind === "node") applyNode(zone, recorded as RecordedEvent<NodeEvent>);
  else if (kind === "deployment") applyDeployment(zone, recorded as RecordedEvent<DeploymentEvent>);
  else if (kind === "decision") applyDecision(zone, recorded as Parameters<typeof applyDecision>[1]);
  else if (kind === "fact") applyFact(zone, recorded as Parameters<typeof applyFact>[1]);
  else if (kind === "route") {
    applyRoute(zone, (recorded as RecordedEvent<RouteEvent>).event, recorded.seq);
    touchReplacing(zone);
  } else if (kind === "elb") applyElb(zone, recorded as RecordedEvent<ElbEvent>);
  else if (kind === "balancer" && recorded.event.type === "ElbForgotten") {
    zone.elbs.delete(recorded.event.elb);
    zone.elbGroups.delete(recorded.event.elb);
  }
}

function applyNode(zone: Zone, recorded: RecordedEvent<NodeEvent>): void {
  const { event } = recorded;
  if (event.type === "NodeAdded") {
    if (zone.nodes.has(event.node)) return;
    const node: Node = {
      name: event.node,
      pod: event.pod,
      labels: event.labels,
      cordoned: undefined,
      drain: undefined,
      given: event.resources,
      agent: agentOf(zone, event.node),
      liveness: "unknown",
      livenessSince: momentOf(zone),
      books: Books.open({ cpu: 0, memoryMib: 0 }),
      workloads: new Set(),
    };
    rebook(node);
    zone.nodes.set(event.node, node);
    podOf(zone, event.pod).nodes.set(event.node, node);
    podOf(zone, event.pod).changed = true;
    noteBound(podOf(zone, event.pod), node);
    return;
  }
  const node = zone.nodes.get(event.node);
  if (!node) return;
  const pod = podOf(zone, node.pod);
  pod.changed = true;
  if (event.type === "NodeResourcesSet") {
    node.given = event.resources;
    rebook(node);
    noteBound(pod, node);
  } else if (event.type === "NodeLabelled") node.labels = event.labels;
  else if (event.type === "NodeCordoned") node.cordoned = event.reason;
  else if (event.type === "NodeUncordoned") node.cordoned = undefined;
  else if (event.type === "DrainRequested") {
    const { reason, deadlineMs } = event;
    node.drain = { reason, cause: causeOf(recorded), since: momentOf(zone), deadlineMs, paused: false };
    zone.drains.add(node);
    touchNode(zone, node);
  } else if (event.type === "DrainPaused" || event.type === "DrainResumed") {
    if (node.drain)
      node.drain = { ...node.drain, since: momentOf(zone), paused: event.type === "DrainPaused" };
    touchNode(zone, node);
  } else if (event.type === "DrainCancelled") {
    node.drain = undefined;
    zone.drains.delete(node);
    touchNode(zone, node);
  } else {
    for (const workload of [...node.workloads]) {
      workload.deployment.why = "node_lost";
      workload.deployment.cause = causeOf(recorded);
      if (workload.going?.keeps)
        remember(workload, { generation: workload.generation + 1, seq: recorded.seq, gone: false });
      if (!workload.stopping)
        pod.orphans.set(workload.id, {
          node: node.name,
          workload: workload.id,
          deployment: workload.deployment.id,
          generation: workload.generation,
          cause: causeOf(recorded),
          ...(workload.going?.keeps && { keeps: true as const }),
        });
      forgetWorkload(zone, workload);
    }
    zone.nodes.delete(node.name);
    zone.drains.delete(node);
    pod.nodes.delete(node.name);
    pod.bound.delete(node);
    settleHold(pod);
  }
}

function applyDeployment(zone: Zone, recorded: RecordedEvent<DeploymentEvent>): void {
  const { event } = recorded;
  if (event.type === "DeploymentRequested") {
    if (!zone.deployments.has(event.deployment)) addDeployment(zone, recorded, event);
    return;
  }
  if (event.type === "WorkloadChangeRequested") {
    askChange(zone, recorded, event);
    return;
  }
  if (event.type === "DissociationRequested" || event.type === "AdoptionRequested") {
    askOfWorkload(zone, recorded, event);
    return;
  }
  if (event.type === "WorkloadReallocRequested") {
    askRealloc(zone, recorded, event);
    return;
  }
  const deployment = zone.deployments.get(event.deployment);
  if (!deployment || deployment.removed) return;
  if (event.type === "ReallocRequested") {
    askReallocOfAll(zone, recorded, deployment, event.resources);
    return;
  }
  deployment.cause = causeOf(recorded);
  // Whoever waits behind it may get another turn.
  podOf(zone, deployment.pod).changed = true;
  if (event.type === "TurnRequested") {
    const { since, placedBefore } = deployment.turn;
    deployment.turn = { ...turnOf(event), since, placedBefore };
    touch(zone, deployment);
    return;
  }
  if (isRolloutWord(event)) {
    applyRolloutWord(deployment, event, momentOf(zone));
    touch(zone, deployment);
    return;
  }
  deployment.requestSeq = recorded.seq;
  deployment.failures = 0;
  deployment.halted = false;
  deployment.deferral = undefined;
  deployment.waiting = 0;
  deployment.turn.since = undefined;
  podOf(zone, deployment.pod).waiting.delete(deployment);
  if (event.type === "ScaleRequested") {
    deployment.count = event.count;
    deployment.countSeq = recorded.seq;
    deployment.refused = 0;
    deployment.accepted = Math.min(deployment.accepted, event.count);
    deployment.why = "scaled";
    // Whoever scales what is held wants that number, not the number and what is left of the upgrade.
    if (deployment.rollout) deployment.rollout.spare = 0;
  } else if (event.type === "UpgradeRequested") {
    const { resources = contentAt(deployment, deployment.version).resources } = event;
    deployment.version = recorded.seq;
    deployment.contents.set(recorded.seq, contentOf(event.template, resources));
    beginRollout(zone, deployment, event);
  } else {
    deployment.removed = true;
    deployment.rollout = undefined;
    zone.rollouts.delete(deployment);
  }
  touch(zone, deployment);
}

const contentOf = (template: Template, resources: Resources): Content => ({
  template,
  resources,
  amounts: amountsOf(resources, template),
});

function addDeployment(
  zone: Zone,
  recorded: RecordedEvent<DeploymentEvent>,
  event: Extract<DeploymentEvent, { type: "DeploymentRequested" }>,
): void {
  const { template } = event;
  const deployment: Deployment = {
    id: event.deployment,
    pod: event.pod,
    key: `${template.app}/${template.entrypointName}`,
    seq: recorded.seq,
    requestSeq: recorded.seq,
    strategy: event.strategy,
    nodesLimit: event.nodesLimit,
    filter: event.filter,
    onShortage: event.onShortage,
    turn: turnOf(event),
    contents: new Map([[recorded.seq, contentOf(template, event.resources)]]),
    version: recorded.seq,
    stableVersion: recorded.seq,
    rollout: undefined,
    rollouts: 0,
    realloc: undefined,
    count: event.count,
    countSeq: recorded.seq,
    refused: 0,
    accepted: 0,
    removed: false,
    sets: undefined,
    workloads: new Map(),
    dissociated: new Map(),
    lastN: 0,
    failures: 0,
    provingAboveN: 0,
    halted: false,
    waiting: 0,
    deferral: undefined,
    why: "deployed",
    displacedBy: undefined,
    cause: causeOf(recorded),
  };
  zone.deployments.set(deployment.id, deployment);
  podOf(zone, deployment.pod).deployments.set(deployment.id, deployment);
  touch(zone, deployment);
}

function applyElb(zone: Zone, { event, subject, cause }: RecordedEvent<ElbEvent>): void {
  // A load balancer speaks for itself only, whatever its message says.
  if (subject !== `eru.elb.${event.elb}`) return;
  if (event.type === "RouteTableApplied") {
    zone.elbs.set(event.elb, event.appliedSeq);
    noteGroup(zone, event);
    touchReplacing(zone);
  } else if (event.type === "EndpointDrained") {
    const workload = zone.workloads.get(event.workload);
    if (workload && !workload.pastDrains.has(cause.causationId))
      workload.drainedBy = new Map(workload.drainedBy).set(event.elb, event.inFlight);
  }
}
