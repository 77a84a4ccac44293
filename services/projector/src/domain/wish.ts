import {
  countsPerNode,
  type DecisionEvent,
  type DeploymentEvent,
  type FactEvent,
  priorityDefault,
  type Reasons,
  type RecordedEvent,
} from "@eru/events";
import { type Deployment, totalsOf, type WorkloadCounts } from "./deployment.ts";
import { decideSets, noSets, scaledSets, setsJson } from "./sets.ts";
import { stepped, told, upgraded } from "./upgrade.ts";
import { askedOf, toMilli } from "./workload.ts";

type Requested = Extract<DeploymentEvent, { type: "DeploymentRequested" }>;

/** A deployment as it was asked for. An id is never used twice, so a second request is the first. */
export function request(
  before: Deployment | undefined,
  event: Requested,
  { seq, meta }: RecordedEvent,
): Deployment {
  if (before) return before;
  const { template } = event;
  return {
    deployment: event.deployment,
    pod: event.pod,
    app: template.app,
    entrypoint: template.entrypointName,
    release: template.release,
    image: template.image,
    template: JSON.stringify(template),
    wanted: event.count,
    sets: countsPerNode(event.strategy) ? setsJson({ ...noSets, perNode: event.count }) : null,
    resources: JSON.stringify(event.resources),
    cpuMilli: toMilli(event.resources.cpu),
    memoryMib: event.resources.memoryMib,
    asked: askedOf(event.resources),
    strategy: event.strategy,
    nodesLimit: event.nodesLimit,
    filter: JSON.stringify(event.filter),
    onShortage: event.onShortage,
    ...turned(event),
    waiting: 0,
    refused: 0,
    removal: 0,
    ended: 0,
    halted: 0,
    rolloutStep: null,
    rollout: null,
    rollouts: 0,
    rolloutPaused: 0,
    rolloutBack: 0,
    stable: JSON.stringify({ template, resources: event.resources }),
    settled: 0,
    state: "placing",
    reason: null,
    reasonSeq: null,
    countSeq: seq,
    requestedSeq: seq,
    requestedAt: meta.time,
    requestedBy: meta.actor,
    changedSeq: seq,
    changedAt: meta.time,
  };
}

/** Whose turn it is, as a row says it. */
const turned = ({ priority = priorityDefault, waitDeadlineMs = null, preempt = false }: TurnGiven) => ({
  priority,
  waitDeadlineMs,
  preempt: preempt ? 1 : 0,
});
type TurnGiven = {
  priority?: number | undefined;
  waitDeadlineMs?: number | null | undefined;
  preempt?: boolean | undefined;
};

/** A new wish: what was in the way of the one before is over. */
const noReason = { reason: null, reasonSeq: null };

/** The deployment after an event about it or one of its workloads; its state is settled afterwards. */
export function evolve(
  current: Deployment,
  counts: WorkloadCounts,
  { event, seq, meta }: RecordedEvent,
): Deployment {
  const next: Deployment = { ...current, changedSeq: seq, changedAt: meta.time };
  const because = (reason: string): Deployment => ({ ...next, reason, reasonSeq: seq });
  // What happens to workloads of a halted deployment is not why it is halted.
  const halted = current.halted === 1 || current.rolloutStep === "halted";
  const happened = (reason: string): Deployment => (halted ? next : because(reason));
  switch (event.type) {
    case "ScaleRequested":
      return { ...scale(next, counts, event.count), countSeq: seq };
    case "TurnRequested":
      return { ...next, ...turned(event) };
    case "DissociationDecided":
    case "AdoptionDecided":
    case "AdoptionRefused":
      return counted(next, event);
    case "ReallocRequested":
      return {
        ...next,
        cpuMilli: toMilli(event.resources.cpu),
        memoryMib: event.resources.memoryMib,
        asked: askedOf(event.resources),
      };
    case "UpgradeRequested":
      return upgraded({ ...next, ...noReason }, event);
    case "RolloutPauseRequested":
    case "RolloutResumeRequested":
    case "RolloutAbortRequested":
    case "RolloutPromoteRequested":
      return told(next, event, noReason);
    case "RemovalRequested":
      return { ...next, ...noReason, wanted: 0, removal: 1, halted: 0, waiting: 0, refused: 0 };
    case "PlacementDecided":
      return {
        ...(event.waiting > 0
          ? because(shortage(event.waiting, "wait", event.reasons, event.displacedBy))
          : next),
        waiting: event.waiting,
      };
    case "PlacementDeferred":
      return {
        ...because(shortage(event.waiting, "wait", event.reasons, event.displacedBy)),
        waiting: event.waiting,
      };
    case "PlacementRefused":
      return {
        ...because(`${waitedFor(event.waitedMs)}${shortage(event.refused, "refused", event.reasons)}`),
        waiting: 0,
        refused: event.refused,
      };
    case "PreemptionDecided":
      return because(waitsForVictims(event));
    case "SetsDecided":
      return decideSets(next, event);
    case "RolloutStepped":
      return stepped(
        event.step === "halted" || event.step === "rolling_back" ? because(event.detail) : next,
        event,
        { seq, time: meta.time },
      );
    case "DeploymentEnded":
      return { ...next, ended: 1 };
    case "DeploymentHalted":
      return { ...because(`halted after ${event.failures} failures: ${event.detail}`), halted: 1 };
    case "DeploymentSteady":
      return { ...next, halted: 0 };
    case "ContainerUnhealthy":
      return happened(`${event.workload} is unhealthy: ${event.reason}`);
    case "ContainerExited":
      return happened(exitText(event));
    case "ContainerFailed":
      return happened(`${event.workload} failed to ${event.step}: ${event.error}`);
    case "NodeLost":
    case "NodeRemoved":
      return happened(`node ${event.node} was ${event.type === "NodeLost" ? "lost" : "removed"}`);
    default:
      return next;
  }
}

/** A workload leaves with its container, or comes back: what users said about the count since it was asked stays. */
function counted(
  current: Deployment,
  { count: wanted, requestSeq }: { count?: number | undefined; requestSeq: number },
): Deployment {
  if (wanted === undefined || current.countSeq > requestSeq || current.removal === 1) return current;
  return { ...current, wanted, settled: wanted > current.wanted ? 0 : current.settled };
}

/** A new count is a new wish: what was refused is forgotten, what waited is wanted at most as far as it still is. */
function scale(current: Deployment, counts: WorkloadCounts, count: number): Deployment {
  const { sets, wanted } = scaledSets(current.sets, count);
  const missing = Math.max(0, wanted - totalsOf(counts).placed);
  const waiting = Math.min(current.waiting, missing);
  const { rolloutStep, halted, refused } = current;
  // Why workloads are not healthy stays true, and so does what halted an upgrade.
  const over = rolloutStep !== "halted" && waiting === 0 && halted + refused + current.waiting > 0;
  return {
    ...current,
    ...(over && noReason),
    wanted,
    sets,
    halted: 0,
    settled: wanted > current.wanted ? 0 : current.settled,
    waiting,
    refused: 0,
  };
}

const exitText = ({ workload, exitCode, outOfMemory }: Extract<FactEvent, { type: "ContainerExited" }>) =>
  `${workload} exited with ${exitCode}${outOfMemory ? ", out of memory" : ""}`;

/** Whose room a deployment waits for. */
function waitsForVictims({ places }: Extract<DecisionEvent, { type: "PreemptionDecided" }>): string {
  const victims = places.reduce((sum, one) => sum + one.victims.length, 0);
  const on = places.length === 1 ? places[0]?.node : `${places.length} nodes`;
  return `waits for the room of ${victims} ${victims === 1 ? "workload" : "workloads"} that it displaces on ${on}`;
}

/** How long those had waited that are refused for that; empty when it is not why. */
export const waitedFor = (ms: number | undefined): string =>
  ms === undefined ? "" : `no room within ${Math.round(ms / 1_000)} s of waiting, which is all it may: `;

/** Why there is no room, in one line: who rejected, and the smallest change that would help. */
export function shortage(
  count: number,
  how: "wait" | "refused",
  reasons: Reasons,
  displacedBy?: string,
): string {
  const rejected = Object.entries(reasons.rejectedTotals)
    .filter(([, nodes]) => nodes > 0)
    .map(([filter, nodes]) => `${filter} on ${nodes}`);
  const why = reasons.nodesTotal === 0 ? "the pod has no nodes" : rejected.join(", ") || "no room is left";
  const help = reasons.wouldHelp[0];
  const who = how === "wait" ? `${count} ${count === 1 ? "waits" : "wait"}` : `${count} refused`;
  const by = displacedBy === undefined ? "" : `, displaced by ${displacedBy}`;
  return `${who}${by}, ${reasons.nodesTotal} nodes: ${why}${help === undefined ? "" : `; would help: ${help}`}`;
}
