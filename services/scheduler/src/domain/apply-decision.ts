import { type DecisionEvent, type RecordedEvent, unreachable } from "@eru/events";
import { addWorkload, numberOf } from "./add-workload.ts";
import { amountsOf, grantedOf } from "./amounts.ts";
import { beginBeside, beginChange, dropChange, orderChange, refuseChange } from "./apply-change.ts";
import { applyDissociation, isAboutDissociation } from "./apply-dissociation.ts";
import { keepRoom, settleKept } from "./apply-preemption.ts";
import { beginRealloc, refuseRealloc, wishAnew } from "./apply-realloc.ts";
import { applyStep } from "./apply-rollout.ts";
import { dropMove, placedInstead } from "./asked-move.ts";
import { causeOf, noteBound, settleHold, stopping, uncount } from "./changes.ts";
import { failuresMax } from "./limits.ts";
import { momentOf } from "./moment.ts";
import { deferralKey, isShort } from "./reason-key.ts";
import { accept, applySets } from "./sets-decided.ts";
import { touch } from "./touch.ts";
import { noteWaiting } from "./turn.ts";
import {
  agentOf,
  contentAt,
  type Deployment,
  type Liveness,
  type Node,
  type Pod,
  podOf,
  type Workload,
  type Zone,
} from "./zone.ts";

type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;
const podSubjectPrefix = "eru.decision.".length;

/**
 * Folds the scheduler's own answers. Requests may be recorded between a decision's input and the decision itself: what it
 * says about an older request does not touch the newer one.
 */
export function applyDecision(zone: Zone, recorded: RecordedEvent<DecisionEvent>): void {
  const { event } = recorded;
  const pod = podOf(zone, recorded.subject.slice(podSubjectPrefix));
  pod.decisionSeq = recorded.seq;
  if (isAboutNodes(event)) {
    applyToNodes(zone, pod, event);
    return;
  }
  if (event.type === "StopDecided" || event.type === "ReleaseOrdered") pod.orphans.delete(event.workload);
  const deployment = zone.deployments.get(event.deployment);
  if (!deployment) return;
  touch(zone, deployment);
  const workload = "workload" in event ? zone.workloads.get(event.workload) : undefined;
  if (isAboutDissociation(event)) {
    applyDissociation(zone, recorded, deployment, event);
    return;
  }
  switch (event.type) {
    case "PlacementDecided":
      placed(zone, recorded, deployment, event);
      settleKept(pod, deployment, event);
      break;
    case "PreemptionDecided":
      keepRoom(pod, deployment, event);
      break;
    case "PreemptionEnded":
      settleKept(pod, deployment, event);
      break;
    case "PlacementDeferred":
      recordWaiting(zone, deployment, event);
      break;
    case "PlacementRefused":
      if (event.reasons.inputSeq >= deployment.requestSeq) deployment.refused += event.refused;
      recordWaiting(zone, deployment, { waiting: 0, reasons: event.reasons });
      break;
    case "SetsDecided":
      applySets(deployment, event);
      break;
    case "RemovalDecided":
      if (workload) going(zone, recorded, workload, event);
      break;
    case "StopDecided":
      if (workload) stopping(pod, workload, causeOf(recorded));
      break;
    case "ChangeDecided":
    case "ChangeOrdered":
    case "ChangeRefused":
    case "ReallocDecided":
    case "ReallocRefused":
    case "MoveDropped":
      answered(zone, recorded, event);
      break;
    case "RolloutStepped":
      applyStep(zone, deployment, event);
      break;
    case "DeploymentHalted":
      deployment.halted = deployment.failures >= failuresMax;
      break;
    case "DeploymentSteady":
      deployment.failures = 0;
      deployment.halted = false;
      break;
    case "DeploymentEnded":
      forgetDeployment(zone, pod, deployment);
      break;
    default:
      unreachable(event);
  }
}

/** What a user asked of one workload is begun, or will not be done. */
function answered(
  zone: Zone,
  recorded: RecordedEvent<DecisionEvent>,
  event: Of<
    "ChangeDecided" | "ChangeOrdered" | "ChangeRefused" | "ReallocDecided" | "ReallocRefused" | "MoveDropped"
  >,
): void {
  if (event.type === "ChangeDecided") beginChange(zone, recorded, event);
  else if (event.type === "ChangeOrdered") orderChange(zone, recorded, event);
  else if (event.type === "ChangeRefused") refuseChange(zone, event);
  else if (event.type === "ReallocDecided") beginRealloc(zone, recorded, event);
  else if (event.type === "ReallocRefused") refuseRealloc(zone, event);
  else dropMove(zone, event);
}

type AboutNodes = Of<
  "NodeSuspected" | "NodeLost" | "NodeRecovered" | "NodeLossHeld" | "DrainOverdue" | "SharedCoresDecided"
>;

const isAboutNodes = (event: DecisionEvent): event is AboutNodes => !("deployment" in event);

function applyToNodes(zone: Zone, pod: Pod, event: AboutNodes): void {
  if (event.type === "DrainOverdue") pauseDrain(zone, pod, event.node);
  else if (event.type === "SharedCoresDecided") shareCores(zone, pod, event);
  else applyLiveness(zone, pod, event);
}

function pauseDrain(zone: Zone, pod: Pod, name: string): void {
  const node = pod.nodes.get(name);
  if (!node?.drain) return;
  node.drain = { ...node.drain, paused: true };
  for (const { deployment } of node.workloads) touch(zone, deployment);
}

function shareCores(zone: Zone, pod: Pod, { node: name, generation, cores }: Of<"SharedCoresDecided">): void {
  agentOf(zone, name).shared = { generation, cores };
  const node = pod.nodes.get(name);
  if (node) noteBound(pod, node);
}

function forgetDeployment(zone: Zone, pod: Pod, deployment: Deployment): void {
  zone.deployments.delete(deployment.id);
  pod.deployments.delete(deployment.id);
  pod.waiting.delete(deployment);
  pod.touched.delete(deployment.id);
  pod.kept.delete(deployment.id);
}

function placed(
  zone: Zone,
  recorded: RecordedEvent,
  deployment: Deployment,
  event: Of<"PlacementDecided">,
): void {
  const pod = podOf(zone, deployment.pod);
  const content = deployment.contents.get(event.templateSeq) ?? contentAt(deployment, deployment.version);
  const amounts = amountsOf(event.reasons.resources, content.template);
  for (const { workload: id, node: name, granted, replaces } of event.placed) {
    deployment.lastN = Math.max(deployment.lastN, numberOf(deployment, id));
    const node = pod.nodes.get(name);
    // The node was removed between the decision's input and the decision: the order is taken back.
    if (!node) {
      const cause = causeOf(recorded);
      pod.orphans.set(id, { node: name, workload: id, deployment: deployment.id, generation: 1, cause });
      continue;
    }
    const workload = addWorkload(zone, {
      ...{ id, deployment, node, version: event.templateSeq, placedSeq: recorded.seq, amounts },
      granted: grantedOf(granted, amounts),
      resources: event.reasons.resources,
      ...{ revision: 0, generation: 1, replaces: replaces?.workload },
    });
    wishAnew(workload, event.reasons.inputSeq);
    if (replaces) beginBeside(zone, recorded, { ...replaces, successor: id });
  }
  placedInstead(zone, event);
  pod.placed += event.placed.length;
  if (event.placed.length > 0) pod.changed = true;
  recordWaiting(zone, deployment, event);
  if (event.placed.length > 0) deployment.turn.placedBefore = pod.placed;
  accept(deployment);
}

function recordWaiting(
  zone: Zone,
  deployment: Deployment,
  { waiting, reasons }: Pick<Of<"PlacementDeferred">, "waiting" | "reasons">,
): void {
  const pod = podOf(zone, deployment.pod);
  if (waiting > 0 !== deployment.waiting > 0) pod.changed = true;
  noteWaiting(pod, deployment, waiting > 0, momentOf(zone));
  deployment.waiting = waiting;
  deployment.deferral = waiting > 0 && isShort(reasons) ? deferralKey(waiting, reasons) : undefined;
  if (waiting > 0) pod.waiting.add(deployment);
  else pod.waiting.delete(deployment);
}

function going(zone: Zone, recorded: RecordedEvent, workload: Workload, event: Of<"RemovalDecided">): void {
  const { deployment } = workload;
  dropChange(zone, workload, recorded.id);
  workload.move = undefined;
  zone.moving.delete(workload);
  podOf(zone, deployment.pod).draining.delete(workload);
  workload.going = { drain: event.drain, deadlineMs: event.drainDeadlineMs, cause: causeOf(recorded) };
  if (event.drain) podOf(zone, deployment.pod).draining.add(workload);
  if (event.because === "failed") {
    deployment.failures++;
    deployment.provingAboveN = deployment.lastN;
    deployment.why = "failed";
  } else {
    if (event.because === "preempted") displaced(deployment, event, recorded);
    // A failed one counts until it is gone, so that its replacement tries another node first.
    uncount(zone, workload);
  }
}

/** What comes in its place says why it had to go. */
function displaced(deployment: Deployment, { by }: Of<"RemovalDecided">, recorded: RecordedEvent): void {
  deployment.why = "displaced";
  deployment.displacedBy = by;
  deployment.cause = causeOf(recorded);
}

type LivenessEvent = Of<"NodeSuspected" | "NodeLost" | "NodeRecovered" | "NodeLossHeld">;

function applyLiveness(zone: Zone, pod: Pod, event: LivenessEvent): void {
  pod.changed = true;
  if (event.type === "NodeLossHeld") {
    pod.held = true;
    settleHold(pod);
    return;
  }
  const node: Node | undefined = pod.nodes.get(event.node);
  if (!node) return;
  node.liveness = livenessAfter[event.type];
  node.livenessSince = momentOf(zone);
  for (const { deployment } of node.workloads) touch(zone, deployment);
  settleHold(pod);
}

const livenessAfter: Record<"NodeSuspected" | "NodeLost" | "NodeRecovered", Liveness> = {
  NodeSuspected: "suspect",
  NodeLost: "lost",
  NodeRecovered: "alive",
};
