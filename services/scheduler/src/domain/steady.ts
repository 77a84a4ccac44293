import type { Draft } from "./draft.ts";
import { failuresMax } from "./limits.ts";
import { dropVainMoves, parted, placeMoves, retireMoved } from "./moves.ts";
import { endWaiting, type Missing, placeMissing } from "./place-missing.ts";
import { remove, removeSurplus } from "./remove.ts";
import { addedOf } from "./turn.ts";
import { type Deployment, targetOf, type Workload } from "./zone.ts";

/** Keeps a deployment that is not being upgraded, or whose upgrade is held, at its count of workloads wherever they are. */
export function keepCount(draft: Draft, deployment: Deployment, staying: readonly Workload[]): void {
  const target = targetOf(deployment);
  // Whoever holds an upgrade keeps the count with what ran before.
  const version = deployment.rollout ? deployment.stableVersion : deployment.version;
  const lost = new Set(staying.filter((one) => draft.livenessOf(one.node) === "lost"));
  const { evidence, spare: surge } = heldBack(draft, deployment, staying);
  dropVainMoves(draft, deployment, { staying, version });
  const parts = parted(
    draft,
    staying.filter((one) => !lost.has(one) && !evidence.has(one)),
  );
  const moved = retireMoved(draft, parts, target);
  const { settled } = parts;
  const surplus = removeSurplus(draft, settled, settled.length - target - surge, "scaled");
  const kept = [...settled, ...parts.moving].filter((one) => !surplus.has(one) && !moved.has(one));
  const replaced = replaceFailed(draft, deployment, kept);
  dropVainMoves(draft, deployment, { staying: kept.filter((one) => !replaced.has(one)), version });
  const rest = parted(
    draft,
    kept.filter((one) => !replaced.has(one)),
  );
  const present = kept.length - replaced.size;
  const wanted = Math.max(0, target - present);
  let placed = 0;
  if (wanted > 0)
    placed = placeMissing(draft, deployment, {
      wanted,
      overdue: draft.signals.waitedOut.has(deployment.id) ? addedOf(deployment) : 0,
      refusable: deployment.onShortage === "refuse" ? Math.max(0, target - deployment.accepted) : 0,
      version,
      because: becauseOf(deployment, { lost: lost.size > 0, failed: replaced.size > 0 }),
      cause: lost.size > 0 ? (draft.nodeLost ?? deployment.cause) : deployment.cause,
      retiring: [],
      displaces: deployment.turn.preempt,
    });
  else if (!placeMoves(draft, deployment, { ...rest, target, version }))
    endWaiting(draft, deployment, version);
  releaseLost(draft, [...lost], target - present - placed);
}

/**
 * A halted or paused upgrade takes nothing away, above all not what it failed with, until the user says more: what stays as
 * evidence of that, and how many more than the count may stay. Evidence on a node that is about to go cannot be looked at.
 */
export function heldBack(
  draft: Draft,
  deployment: Deployment,
  staying: readonly Workload[],
): { evidence: Set<Workload>; spare: number } {
  const held = deployment.rollout;
  const spare = targetOf(deployment) > 0 && held && held.step !== "canary" ? held.spare : 0;
  const evidence = new Set(
    staying.filter((one) => spare > 0 && !held?.back && one.phase !== "healthy" && one.version === held?.seq),
  );
  for (const one of evidence)
    if (draft.drains(one.node) && draft.livenessOf(one.node) !== "lost") remove(draft, one, "drained_node");
  return { evidence, spare };
}

/** Why something is placed. */
export const becauseOf = (
  deployment: Deployment,
  now: { lost: boolean; failed: boolean },
): Missing["because"] => {
  if (now.lost) return "node_lost";
  if (now.failed) return "failed";
  return deployment.deferral === undefined ? deployment.why : "room";
};

/**
 * Takes failed workloads away, so that others come in their place; at most so many in a row, then the deployment is
 * halted and what fails stays failed. Returns those that are going.
 */
export function replaceFailed(
  draft: Draft,
  deployment: Deployment,
  kept: readonly Workload[],
): Set<Workload> {
  const failed = kept.filter((one) => one.phase === "failed");
  const more = Math.max(0, failuresMax - deployment.failures);
  const replaced = new Set<Workload>();
  for (const workload of failed.slice(0, more)) if (remove(draft, workload, "failed")) replaced.add(workload);
  const last = failed[more];
  if (last && !deployment.halted && replaced.size === more)
    draft.decide(
      {
        type: "DeploymentHalted",
        deployment: deployment.id,
        failures: deployment.failures + replaced.size,
        detail: failureOf(last),
      },
      deployment.cause,
    );
  // A halted deployment leaves them where they are, but not on a node that is about to go.
  for (const one of failed)
    if (!replaced.has(one) && draft.drains(one.node) && remove(draft, one, "drained_node")) replaced.add(one);
  return replaced;
}

/** What went wrong with a workload, for people. */
export const failureOf = ({ id, node, failure, phase }: Workload): string =>
  `${id} on ${node.name}: ${failure || `it is ${phase}`}`.slice(0, 2_000);

/**
 * Of the workloads on lost nodes, keeps as many as still have no replacement: should the node return, they serve again.
 * The others are ordered to stop, so that the returning agent removes them.
 */
export function releaseLost(draft: Draft, lost: readonly Workload[], keep: number): void {
  for (const workload of lost.slice(Math.max(0, keep))) remove(draft, workload, "node_lost");
}
