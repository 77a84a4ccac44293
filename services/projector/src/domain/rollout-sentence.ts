import { type DecisionEvent, type DeploymentEvent, unreachable } from "@eru/events";

type Stepped = Extract<DecisionEvent, { type: "RolloutStepped" }>;
type Word = Extract<DeploymentEvent, { type: "UpgradeRequested" | `Rollout${string}` }>;

const words: Readonly<Record<Stepped["step"], string>> = {
  started: "started",
  placing: "placing",
  retiring: "retiring",
  canary: "waits for a word about its canary",
  completed: "completed",
  halted: "halted",
  rolling_back: "goes back",
  rolled_back: "is rolled back",
};

/** What a step of a rollout says, in one line. */
export function stepSentence({ deployment, release, step, fresh, stale, detail, risks }: Stepped): string {
  const risk = risks?.length ? `; not without downtime: ${risks.map((one) => one.detail).join("; ")}` : "";
  return `${deployment}: upgrade to ${release} ${words[step]}, ${fresh} new, ${stale} old${detail === "" ? "" : `: ${detail}`}${risk}`;
}

/** What a user said about a rollout, in one line. */
export function rolloutSentence(event: Word): string {
  switch (event.type) {
    case "UpgradeRequested": {
      const { deployment, template, surge, batch = surge, order, undoes } = event;
      const what =
        undoes === undefined
          ? `upgrade to ${template.release}`
          : `rollout ${undoes} to be undone, ${template.release}`;
      return `${deployment}: ${what} wanted, ${order === "stop-first" ? "stop-first, " : ""}${batch} at a time`;
    }
    case "RolloutPauseRequested":
      return `${event.deployment}: rollout ${event.rollout} to be paused`;
    case "RolloutResumeRequested":
      return `${event.deployment}: rollout ${event.rollout} to go on`;
    case "RolloutAbortRequested":
      return `${event.deployment}: rollout ${event.rollout} to be aborted`;
    case "RolloutPromoteRequested":
      return `${event.deployment}: the canary of rollout ${event.rollout} is good`;
    default:
      return unreachable(event);
  }
}
