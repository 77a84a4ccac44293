import type {
  DecisionEvent,
  DeploymentEvent,
  EruEvent,
  RecordedEvent,
  Resources,
  Template,
} from "@eru/events";
import type { Deployment } from "./deployment.ts";

type Stepped = Extract<DecisionEvent, { type: "RolloutStepped" }>;
type Word = Extract<DeploymentEvent, { type: `Rollout${string}` }>;
type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;

/** What runs, and what each workload of it books. */
export type Content = { template: Template; resources: Resources };

/** All states of a rollout. The last four are ends. */
export const rolloutStates = [
  "requested",
  "running",
  "paused",
  "canary",
  "halted",
  "rolling_back",
  "completed",
  "rolled_back",
  "superseded",
  "removed",
] as const;
export type RolloutState = (typeof rolloutStates)[number];

const ends: readonly RolloutState[] = ["completed", "rolled_back", "superseded", "removed"];
/** Whether it is over. */
export const isOver = (state: RolloutState): boolean => ends.includes(state);

/** A rollout as its row: an upgrade of a deployment, from the request to its end. */
export type Rollout = {
  /** `<deployment>/<number>`. */
  rollout: string;
  deployment: string;
  number: number;
  pod: string;
  app: string;
  entrypoint: string;
  release: string;
  fromRelease: string;
  /** JSON: what differs from what ran before, by name. */
  changes: string;
  /** JSON: how it goes about it. */
  settings: string;
  undoes: number | null;
  /** Where it stands apart from a pause. */
  step: Exclude<RolloutState, "paused">;
  paused: 0 | 1;
  state: RolloutState;
  fresh: number;
  stale: number;
  /** What the last step said. */
  detail: string;
  /** Why it was halted or turned back. */
  reason: string | null;
  reasonSeq: number | null;
  /** JSON: why it may cost requests; null until it started. */
  risks: string | null;
  requestedSeq: number;
  requestedAt: string;
  requestedBy: string;
  changedSeq: number;
  changedAt: string;
  endedSeq: number | null;
  endedAt: string | null;
};

/** The rollout that an upgrade begins. */
export function requestRollout(of: Deployment, event: Upgrade, { seq, meta }: RecordedEvent): Rollout {
  const { type: _, deployment, template, resources, undoes, ...settings } = event;
  const before = JSON.parse(of.stable) as Content;
  const number = of.rollouts + 1;
  return {
    rollout: `${deployment}/${number}`,
    deployment,
    number,
    pod: of.pod,
    app: of.app,
    entrypoint: of.entrypoint,
    release: template.release,
    fromRelease: before.template.release,
    changes: JSON.stringify(changesOf(before, { template, resources: resources ?? before.resources })),
    settings: JSON.stringify(settings),
    undoes: undoes ?? null,
    ...{ step: "requested", paused: 0, state: "requested", fresh: 0, stale: 0, detail: "" },
    ...{ reason: null, reasonSeq: null, risks: null },
    requestedSeq: seq,
    requestedAt: meta.time,
    requestedBy: meta.actor,
    changedSeq: seq,
    changedAt: meta.time,
    ...{ endedSeq: null, endedAt: null },
  };
}

/** The names of what differs between two contents. */
function changesOf(one: Content, other: Content): string[] {
  const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);
  const changes: string[] = [];
  if (one.template.release !== other.template.release) changes.push("release");
  if (differs(one.template.env, other.template.env)) changes.push("env");
  if (differs(one.resources, other.resources)) changes.push("resources");
  if (differs(one.template.entrypoint, other.template.entrypoint)) changes.push("settings");
  return changes;
}

/** The rollout after an event about its deployment; the same object when it says nothing about it. */
export function evolveRollout(current: Rollout, { event, seq, meta }: RecordedEvent): Rollout {
  if (isOver(current.state)) return current;
  const change = step(current, event, seq);
  if (!change) return current;
  const next = { ...current, ...change, changedSeq: seq, changedAt: meta.time };
  const state: RolloutState = next.paused ? "paused" : next.step;
  return { ...next, state, ...(isOver(state) && { endedSeq: seq, endedAt: meta.time }) };
}

function step(current: Rollout, event: EruEvent, seq: number): Partial<Rollout> | undefined {
  switch (event.type) {
    case "UpgradeRequested":
      return { step: "superseded", paused: 0, reason: "another upgrade took its place", reasonSeq: seq };
    case "RemovalRequested":
      return { step: "removed", paused: 0, reason: "the deployment was removed", reasonSeq: seq };
    case "RolloutPauseRequested":
    case "RolloutResumeRequested":
    case "RolloutAbortRequested":
    case "RolloutPromoteRequested":
      return event.rollout === current.number ? afterWord(current, event, seq) : undefined;
    case "RolloutStepped":
      return event.rollout === undefined || event.rollout === current.number
        ? afterStep(current, event, seq)
        : undefined;
    default:
      return undefined;
  }
}

function afterWord(current: Rollout, { type }: Word, seq: number): Partial<Rollout> | undefined {
  if (type === "RolloutAbortRequested")
    return {
      step: "rolling_back",
      paused: 0,
      ...(current.reason === null && { reason: "aborted", reasonSeq: seq }),
    };
  if (type === "RolloutPauseRequested") return current.step === "rolling_back" ? undefined : { paused: 1 };
  if (type === "RolloutPromoteRequested")
    return current.step === "canary" ? { step: "running" } : { detail: current.detail };
  return {
    paused: 0,
    ...(current.step === "halted" && { step: "running" as const, reason: null, reasonSeq: null }),
  };
}

function afterStep(current: Rollout, event: Stepped, seq: number): Partial<Rollout> | undefined {
  const { step: is, fresh, stale, detail, risks, back = false } = event;
  const goesBack = current.step === "rolling_back";
  // Of what was decided in the other direction only turning back counts.
  if (is !== "rolling_back" && is !== "halted" && goesBack !== back) return undefined;
  const counted = { fresh, stale, detail, ...(risks && { risks: JSON.stringify(risks) }) };
  if (is === "completed" || is === "rolled_back") return { ...counted, step: is, paused: 0 };
  if (is === "canary") return { ...counted, step: is };
  if (is === "halted")
    return goesBack === back ? { ...counted, step: is, reason: detail, reasonSeq: seq } : undefined;
  if (is === "rolling_back") {
    const said = goesBack ? {} : { reason: detail, reasonSeq: seq };
    return { ...counted, step: is, paused: 0, ...said };
  }
  return { ...counted, ...(!goesBack && current.step !== "canary" && { step: "running" as const }) };
}
