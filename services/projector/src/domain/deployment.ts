import type { DecisionEvent } from "@eru/events";
import type { WorkloadState } from "./workload.ts";

/** All states of a deployment. */
export const deploymentStates = [
  "placing",
  "running",
  "waiting",
  "refused",
  "degraded",
  "upgrading",
  "paused",
  "canary",
  "rolling_back",
  "halted",
  "removing",
  "removed",
] as const;
type DeploymentState = (typeof deploymentStates)[number];

/** `requested` until the scheduler takes the first step. */
type RolloutStep = "requested" | Extract<DecisionEvent, { type: "RolloutStepped" }>["step"];

/** A deployment as its row. Zero and one stand for no and yes. */
export type Deployment = {
  deployment: string;
  pod: string;
  app: string;
  entrypoint: string;
  release: string;
  image: string;
  /** JSON. */
  template: string;
  wanted: number;
  /** JSON of on how many nodes there is a set, of a strategy that counts per node; else null. */
  sets: string | null;
  /** JSON: what each workload books, in full. */
  resources: string;
  cpuMilli: number;
  memoryMib: number;
  /** JSON of everything a workload asks for, when that is more than cores and memory; else null. */
  asked: string | null;
  strategy: string;
  nodesLimit: number;
  /** JSON. */
  filter: string;
  onShortage: string;
  /** Of those that want the same room the higher gets it first. */
  priority: number;
  /** How long what is asked for may wait; null: without end. */
  waitDeadlineMs: number | null;
  preempt: number;
  /** Workloads that wait for room, as the last decision said. */
  waiting: number;
  /** Workloads that were refused and will not be placed. */
  refused: number;
  /** Its removal was asked for. */
  removal: 0 | 1;
  /** Nothing of it is left anywhere. */
  ended: 0 | 1;
  /** Replacements kept failing: no more of them. */
  halted: 0 | 1;
  /** The last step of the last upgrade; null when there was none. */
  rolloutStep: RolloutStep | null;
  /** JSON of that step. */
  rollout: string | null;
  /** Upgrades ever asked for: the number of the last one. */
  rollouts: number;
  rolloutPaused: 0 | 1;
  /** It goes, or went, back to what ran before. */
  rolloutBack: 0 | 1;
  /** JSON of what was last rolled out in full: template and resources. */
  stable: string;
  /** It has had all its healthy workloads since it was last asked for more. */
  settled: 0 | 1;
  state: DeploymentState;
  reason: string | null;
  reasonSeq: number | null;
  /** Where users last said how many. */
  countSeq: number;
  requestedSeq: number;
  requestedAt: string;
  requestedBy: string;
  changedSeq: number;
  changedAt: string;
};

/** How many workloads of a deployment are in each state. */
export type WorkloadCounts = Partial<Record<WorkloadState, number>>;

/** The counts people ask for. Workloads that leave, are lost or removed count nowhere but under their own name. */
export type Totals = {
  placed: number;
  running: number;
  healthy: number;
  failed: number;
  leaving: number;
  lost: number;
  removed: number;
};

const sum = (counts: WorkloadCounts, ...states: readonly WorkloadState[]): number =>
  states.reduce((total, state) => total + (counts[state] ?? 0), 0);

/** The counts people ask for from the counts by state. */
export const totalsOf = (counts: WorkloadCounts): Totals => ({
  placed: sum(
    counts,
    "assigned",
    "created",
    "started",
    "healthy",
    "unhealthy",
    "exited",
    "failed",
    "stopped",
  ),
  running: sum(counts, "started", "healthy", "unhealthy"),
  healthy: sum(counts, "healthy"),
  failed: sum(counts, "exited", "failed"),
  leaving: sum(counts, "draining", "stopping"),
  lost: sum(counts, "lost"),
  removed: sum(counts, "removed"),
});

/** The one word for how a deployment is. Removal, then upgrade, then want of room come before the workloads' health. */
function stateOf(deployment: Deployment, counts: WorkloadCounts): DeploymentState {
  const { healthy, failed } = totalsOf(counts);
  if (deployment.ended) return "removed";
  if (deployment.removal) return "removing";
  if (deployment.halted || deployment.rolloutStep === "halted") return "halted";
  if (isUpgraded(deployment)) return upgradeState(deployment);
  // With all it wants, what waits are replacements for what is on a draining node: that one's view says so.
  if (deployment.waiting > 0 && healthy < deployment.wanted) return "waiting";
  if (deployment.refused > 0) return "refused";
  if (healthy >= deployment.wanted) return "running";
  return deployment.settled || failed + (counts.unhealthy ?? 0) > 0 ? "degraded" : "placing";
}

/** Whether an upgrade of it is not over. */
export const isUpgraded = ({ rolloutStep }: Pick<Deployment, "rolloutStep">): boolean =>
  rolloutStep !== null && rolloutStep !== "completed" && rolloutStep !== "rolled_back";

function upgradeState({ rolloutStep, rolloutPaused, rolloutBack }: Deployment): DeploymentState {
  if (rolloutPaused) return "paused";
  if (rolloutBack) return "rolling_back";
  return rolloutStep === "canary" ? "canary" : "upgrading";
}

/** The deployment after its workloads changed. Once it runs as wished, the last reason is no longer one. */
export function settle(deployment: Deployment, counts: WorkloadCounts): Deployment {
  const state = stateOf(deployment, counts);
  const settled = deployment.settled || totalsOf(counts).healthy >= deployment.wanted ? 1 : 0;
  const well = state === "running" || state === "removed";
  return { ...deployment, state, settled, ...(well && { reason: null, reasonSeq: null }) };
}
