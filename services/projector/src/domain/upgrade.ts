import type { DecisionEvent, DeploymentEvent } from "@eru/events";
import { type Deployment, isUpgraded } from "./deployment.ts";
import type { Content } from "./rollout.ts";
import { askedOf, toMilli } from "./workload.ts";

type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;
type Word = Extract<DeploymentEvent, { type: `Rollout${string}` }>;
type Stepped = Extract<DecisionEvent, { type: "RolloutStepped" }>;

/** The columns that say what is wished. */
const wished = ({ template, resources }: Content) => ({
  release: template.release,
  image: template.image,
  template: JSON.stringify(template),
  resources: JSON.stringify(resources),
  cpuMilli: toMilli(resources.cpu),
  memoryMib: resources.memoryMib,
  asked: askedOf(resources),
});

/** A deployment that shall be upgraded. */
export function upgraded(current: Deployment, { template, resources }: Upgrade): Deployment {
  return {
    ...current,
    ...wished({ template, resources: resources ?? resourcesOf(current) }),
    rolloutStep: "requested",
    rollout: null,
    rollouts: current.rollouts + 1,
    rolloutPaused: 0,
    rolloutBack: 0,
    halted: 0,
    refused: 0,
  };
}

const resourcesOf = ({ resources }: Deployment): Content["resources"] => JSON.parse(resources);

/** A deployment after a user's word about its rollout; `noReason` when it is no longer halted. */
export function told(
  current: Deployment,
  event: Word,
  noReason: Pick<Deployment, "reason" | "reasonSeq">,
): Deployment {
  if (event.rollout !== current.rollouts || !isUpgraded(current)) return current;
  const { rolloutStep, rolloutBack } = current;
  switch (event.type) {
    case "RolloutPauseRequested":
      return rolloutBack ? current : { ...current, rolloutPaused: 1 };
    case "RolloutPromoteRequested":
      return rolloutStep === "canary" ? { ...current, rolloutStep: "placing" } : current;
    case "RolloutResumeRequested": {
      const on = rolloutStep === "halted" && {
        ...noReason,
        rolloutStep: "placing" as const,
        halted: 0 as const,
      };
      return { ...current, rolloutPaused: 0, ...on };
    }
    case "RolloutAbortRequested":
      return back({ ...current, halted: 0 });
  }
}

const back = (current: Deployment): Deployment => ({
  ...current,
  ...wished(JSON.parse(current.stable) as Content),
  rolloutStep: "rolling_back",
  rolloutPaused: 0,
  rolloutBack: 1,
});

/** A deployment after a step of its rollout. Steps of an older one, or in the other direction, say nothing about it. */
export function stepped(current: Deployment, event: Stepped, at: { seq: number; time: string }): Deployment {
  const { type: _type, deployment: _deployment, risks: _risks, ...step } = event;
  if (event.rollout !== undefined && event.rollout !== current.rollouts) return current;
  const next = { ...current, rollout: JSON.stringify({ ...step, ...at }) };
  if (event.step === "rolling_back") return back(next);
  if ((current.rolloutBack === 1) !== (event.back ?? false)) return current;
  // A canary that lost a workload is put right and goes on waiting.
  const waits = current.rolloutStep === "canary" && ["placing", "retiring"].includes(event.step);
  const stable = { template: JSON.parse(current.template), resources: resourcesOf(current) };
  return {
    ...next,
    rolloutStep: waits ? "canary" : event.step,
    ...(event.step === "completed" && { stable: JSON.stringify(stable) }),
  };
}
