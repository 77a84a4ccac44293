import { evolveRollout, requestRollout } from "../domain/rollout.ts";
import type { Projection } from "../projection.ts";
import { createTable, type FoldedTable } from "../rows.ts";

const columns = [
  "rollout text primary key",
  "deployment text not null",
  "number integer not null",
  "pod text not null",
  "app text not null",
  "entrypoint text not null",
  "release text not null",
  "fromRelease text not null",
  "changes text not null",
  "settings text not null",
  "undoes integer",
  "step text not null",
  "paused integer not null",
  "state text not null",
  "fresh integer not null",
  "stale integer not null",
  "detail text not null",
  "reason text",
  "reasonSeq integer",
  "risks text",
  "requestedSeq integer not null",
  "requestedAt text not null",
  "requestedBy text not null",
  "changedSeq integer not null",
  "changedAt text not null",
  "endedSeq integer",
  "endedAt text",
] as const;

/** Every rollout ever asked for. */
export const rolloutsTable: FoldedTable = { name: "rollouts", fixed: 11, columns };

/** Rollouts, kept for ever. Comes before `deployments`, whose rows say what ran before. */
export const rollouts: Projection = {
  name: "rollouts",
  tables: `
    ${createTable(rolloutsTable)}
    create index rolloutsByAge on rollouts (requestedSeq);
    create index rolloutsByDeployment on rollouts (deployment, number);
  `,
  prepare:
    ({ rollouts, deployments }) =>
    (recorded) => {
      const { event } = recorded;
      if (!("deployment" in event)) return;
      const of = deployments.get(event.deployment);
      if (!of) return;
      const last = of.rollouts > 0 ? rollouts.get(`${of.deployment}/${of.rollouts}`) : undefined;
      if (last) {
        const next = evolveRollout(last, recorded);
        if (next !== last) rollouts.set(last.rollout, next);
      }
      if (event.type !== "UpgradeRequested" || of.removal) return;
      const begun = requestRollout(of, event, recorded);
      rollouts.set(begun.rollout, begun);
    },
};
