import type { DecisionEvent, DeploymentEvent, RolloutSettings } from "@eru/events";
import { type Moment, momentOf } from "./moment.ts";
import type { Rollout } from "./rollout-state.ts";
import type { Deployment, Zone } from "./zone.ts";

type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;
type Word = Extract<DeploymentEvent, { type: `Rollout${string}` }>;

/** Whether a user says something about a rollout that is under way. */
export const isRolloutWord = (event: DeploymentEvent): event is Word => event.type.startsWith("Rollout");

/** How a rollout goes about it, with what was not said filled in. */
export function rolloutSettings(given: RolloutSettings): Rollout["settings"] {
  const { surge, batch = Math.max(1, surge), order = "start-first", onFailure = "halt" } = given;
  const { healthDeadlineMs, canary } = given;
  return {
    ...{ surge, batch, order, onFailure },
    ...(healthDeadlineMs !== undefined && { healthDeadlineMs }),
    ...(canary && { canary }),
  };
}

/** Folds the request of an upgrade. It takes the place of one that is under way, and goes on from what runs. */
export function beginRollout(zone: Zone, deployment: Deployment, event: Upgrade): void {
  deployment.rollouts++;
  deployment.rollout = {
    number: deployment.rollouts,
    seq: zone.seq,
    settings: rolloutSettings(event),
    step: "requested",
    paused: false,
    promoted: false,
    back: false,
    spare: event.surge,
    excusedN: 0,
    since: momentOf(zone),
  };
  zone.rollouts.add(deployment);
}

/** Folds a user's word about a rollout. One about a rollout that is over, or that came too late, changes nothing. */
export function applyRolloutWord(deployment: Deployment, event: Word, now: Moment): void {
  const { rollout } = deployment;
  if (!rollout || rollout.number !== event.rollout) return;
  if (event.type === "RolloutAbortRequested") {
    if (rollout.back && rollout.step !== "halted") return;
    goBack(deployment, now);
    rollout.step = "requested";
  } else if (event.type === "RolloutPromoteRequested") {
    rollout.promoted = true;
    if (rollout.step === "canary") rollout.step = "running";
  } else if (event.type === "RolloutPauseRequested") {
    rollout.paused = !rollout.back;
    rollout.spare = rollout.settings.surge;
  } else {
    rollout.paused = false;
    rollout.since = now;
    if (rollout.step !== "halted") return;
    rollout.step = "running";
    rollout.excusedN = deployment.lastN;
    deployment.failures = 0;
    deployment.halted = false;
  }
}

function goBack(deployment: Deployment, now: Moment): void {
  const { rollout } = deployment;
  if (!rollout) return;
  rollout.back = true;
  rollout.since = now;
  rollout.paused = false;
  rollout.spare = rollout.settings.surge;
  deployment.version = deployment.stableVersion;
  deployment.failures = 0;
  deployment.halted = false;
}

/** Folds a step. One of a superseded rollout, or in the direction that is no longer wished, does not touch the newer wish. */
export function applyStep(
  zone: Zone,
  deployment: Deployment,
  event: Extract<DecisionEvent, { type: "RolloutStepped" }>,
): void {
  const { rollout } = deployment;
  if (rollout?.seq !== event.templateSeq) return;
  if (event.step === "rolling_back") {
    goBack(deployment, momentOf(zone));
    rollout.step = "running";
    return;
  }
  if (rollout.back !== (event.back ?? false)) return;
  switch (event.step) {
    case "completed":
    case "rolled_back":
      deployment.stableVersion = deployment.version;
      deployment.rollout = undefined;
      zone.rollouts.delete(deployment);
      pruneContents(deployment);
      break;
    case "halted":
      rollout.step = "halted";
      break;
    case "canary":
      rollout.step = rollout.promoted ? "running" : "canary";
      break;
    default:
      // A canary that lost a workload is put right and goes on waiting.
      if (rollout.step !== "canary") rollout.step = "running";
  }
}

/** Content that nobody runs and nobody will go back to. */
function pruneContents(deployment: Deployment): void {
  const used = new Set([deployment.version, deployment.stableVersion]);
  for (const { version } of deployment.workloads.values()) used.add(version);
  for (const version of deployment.contents.keys())
    if (!used.has(version)) deployment.contents.delete(version);
}
