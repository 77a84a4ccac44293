import type { Draft } from "./draft.ts";
import {
  countsOf,
  excessOf,
  missingOf,
  needsOf,
  noteSets,
  removeByNode,
  setsFor,
  sweep,
  wishedSets,
} from "./per-node-needs.ts";
import { roomIn, verdicts } from "./place.ts";
import { endWaiting, placeMissing, recordRefused, wishOf } from "./place-missing.ts";
import type { Sets } from "./sets.ts";
import { becauseOf, heldBack, releaseLost, replaceFailed } from "./steady.ts";
import { contentAt, type Deployment, type Workload } from "./zone.ts";

/**
 * Keeps a set on each chosen node, of a deployment that is not being upgraded, or whose upgrade is held: what is missing on a
 * node is placed there and nowhere else, and what is too much on it is taken away there.
 */
export function keepSets(draft: Draft, deployment: Deployment, staying: readonly Workload[]): void {
  const version = deployment.rollout ? deployment.stableVersion : deployment.version;
  const lost = staying.filter((one) => draft.livenessOf(one.node) === "lost");
  const { evidence, spare } = heldBack(draft, deployment, staying);
  const here = staying.filter((one) => !lost.includes(one) && !evidence.has(one));
  const sets = setsFor(draft, deployment, here);
  if (refuseSets(draft, deployment, sets, here)) return;
  noteSets(draft, deployment, sets, missingOf(sets, needsOf(sets, countsOf(here))));
  const swept = sweep(draft, sets, here);
  const surplus = removeByNode(draft, swept, excessOf(sets, countsOf(swept), spare), "scaled");
  const kept = swept.filter((one) => !surplus.has(one));
  const replaced = replaceFailed(draft, deployment, kept);
  const needs = needsOf(sets, countsOf(kept.filter((one) => !replaced.has(one))));
  const wanted = missingOf(sets, needs);
  let placed = 0;
  if (wanted > 0)
    placed = placeMissing(draft, deployment, {
      ...{ wanted, refusable: 0, version, retiring: [] },
      because: kept.some(({ node }) => draft.drains(node))
        ? "drained_node"
        : becauseOf(deployment, { lost: lost.length > 0, failed: replaced.size > 0 }),
      cause: lost.length > 0 ? (draft.nodeLost ?? deployment.cause) : deployment.cause,
      sets: wishedSets(sets, needs),
    });
  else endWaiting(draft, deployment, version);
  // Where every node has its own, those of a lost one have no other place: they wait until it is back or removed.
  if (!sets.everywhere || sets.perNode === 0) releaseLost(draft, lost, wanted - placed);
}

/** All or nothing for what is new on each node. True when it is refused: the next pass goes on with what was granted before. */
function refuseSets(draft: Draft, deployment: Deployment, sets: Sets, here: readonly Workload[]): boolean {
  const refused = deployment.onShortage === "refuse" ? Math.max(0, sets.perNode - deployment.accepted) : 0;
  if (refused === 0) return false;
  const version = deployment.rollout ? deployment.stableVersion : deployment.version;
  const needs = needsOf(sets, countsOf(here));
  const none = sets.targets.size === 0;
  const wanted = none ? sets.perNode : missingOf(sets, needs);
  const { amounts } = contentAt(deployment, version);
  const lacking = none ? 1 : sets.lacking;
  const wish = wishOf(deployment, amounts, [], { ...wishedSets(sets, needs), lacking });
  if (!none && roomIn(verdicts(draft, wish), wish) >= wanted) return false;
  recordRefused(draft, deployment, { wanted, refused, version, cause: deployment.cause }, wish);
  draft.unfinished.add(deployment);
  return true;
}
