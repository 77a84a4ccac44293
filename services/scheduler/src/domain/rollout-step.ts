import type { DecisionEvent } from "@eru/events";
import { risksOf } from "./downtime.ts";
import type { Draft } from "./draft.ts";
import type { Rollout } from "./rollout-state.ts";
import { barrier } from "./serves.ts";
import { contentAt, type Deployment } from "./zone.ts";

export type Step = Extract<DecisionEvent, { type: "RolloutStepped" }>["step"];
/** New ones and old ones. */
export type Counts = { fresh: number; stale: number };

/** How a rollout goes about it, for people. */
export function settingsInWords({ settings }: Pick<Rollout, "settings">): string {
  const { order, surge, batch, canary } = settings;
  const steps =
    order === "stop-first" ? `stop-first, ${batch} at a time` : `at most ${surge} more than wished`;
  const both = order === "start-first" && batch !== surge ? `${steps}, ${batch} at a time` : steps;
  if (!canary) return both;
  return `${both}, ${"count" in canary ? canary.count : `${canary.percent} %`} first, then a word is waited for`;
}

/** Records a step of a rollout. */
export function stepped(
  draft: Draft,
  deployment: Deployment,
  rollout: Rollout,
  given: Counts & { step: Step; detail: string },
): void {
  const { template, resources } = contentAt(deployment, rollout.seq);
  draft.decide(
    {
      type: "RolloutStepped",
      deployment: deployment.id,
      rollout: rollout.number,
      release: template.release,
      templateSeq: rollout.seq,
      ...given,
      ...((rollout.back || given.step === "rolling_back") && { back: true }),
      elbs: barrier(draft),
      ...(given.step === "started" && {
        risks: risksOf(draft, { ...deployment, template, resources, order: rollout.settings.order }),
      }),
    },
    deployment.cause,
  );
}
