import type { DecisionEvent } from "@eru/events";
import type { Draft } from "./draft.ts";
import type { Wish } from "./filters.ts";
import { removeSurplus } from "./remove.ts";
import { serves } from "./serves.ts";
import { type Sets, setsOf } from "./sets.ts";
import { contentAt, type Deployment, type Node, targetOf, type Workload } from "./zone.ts";

type Because = Extract<DecisionEvent, { type: "RemovalDecided" }>["because"];

/** Which nodes of a deployment have a set, by what it has where; what runs on lost nodes is not among it. */
export function setsFor(draft: Draft, deployment: Deployment, here: readonly Workload[]): Sets {
  const { rollout, stableVersion } = deployment;
  // Nodes are chosen for one content at a time, whoever asks: an upgrade that is held keeps what ran before.
  const held = rollout && (rollout.paused || rollout.step === "halted" || rollout.step === "canary");
  const { amounts } = contentAt(deployment, held ? stableVersion : deployment.version);
  return setsOf(draft, { ...deployment, own: deployment, perNode: targetOf(deployment), amounts }, here);
}

/** How many of the workloads each node has. */
export function countsOf(workloads: Iterable<Workload>): Map<Node, number> {
  const counts = new Map<Node, number>();
  for (const { node } of workloads) counts.set(node, (counts.get(node) ?? 0) + 1);
  return counts;
}

/** What each node that may get something lacks, by name. */
export function needsOf({ targets, open }: Sets, have: ReadonlyMap<Node, number>): Map<string, number> {
  const needs = new Map<string, number>();
  for (const [node, target] of targets) {
    const lacks = target - (have.get(node) ?? 0);
    if (lacks > 0 && open.has(node)) needs.set(node.name, lacks);
  }
  return needs;
}

/** How many are missing in all, those of nodes that cannot be found included. */
export const missingOf = ({ lacking, perNode }: Sets, needs: ReadonlyMap<string, number>): number =>
  needs.values().reduce((sum, need) => sum + need, lacking * perNode);

/** The needs as a placement sees them. */
export const wishedSets = (
  { perNode, targets, lacking, everywhere }: Sets,
  needs: ReadonlyMap<string, number>,
): NonNullable<Wish["sets"]> => ({
  ...{ perNode, needs, lacking, everywhere },
  chosen: new Set([...targets.keys()].map(({ name }) => name)),
});

/** What a deployment lacks on which nodes as things are, for those who only ask. */
export function setsNow(
  draft: Draft,
  deployment: Deployment,
): { total: number; missing: number; everywhere: boolean; wished: NonNullable<Wish["sets"]> } {
  const { version } = deployment;
  const here = draft.staying(deployment).filter(({ node }) => draft.livenessOf(node) !== "lost");
  const sets = setsFor(draft, deployment, here);
  // During an upgrade those that run what was before are still to be replaced.
  const upgrades = deployment.rollout !== undefined && deployment.rollout.step !== "halted";
  const needs = needsOf(sets, countsOf(upgrades ? here.filter((one) => one.version === version) : here));
  const { total, everywhere } = sets;
  return { total, everywhere, missing: missingOf(sets, needs), wished: wishedSets(sets, needs) };
}

/** Records on how many nodes there is a set, when that is not what was decided last; once in a pass. */
export function noteSets(draft: Draft, deployment: Deployment, sets: Sets, missing: number): void {
  if (draft.noted.has(deployment)) return;
  draft.noted.add(deployment);
  const { requestSeq, sets: before } = deployment;
  const { perNode, lacking: nodesLacking, total: wanted } = sets;
  const now = { perNode, nodesChosen: sets.targets.size, nodesLacking, wanted, requestSeq };
  const same =
    before &&
    before.perNode === perNode &&
    before.nodesChosen === now.nodesChosen &&
    before.nodesLacking === nodesLacking &&
    before.wanted === wanted &&
    before.requestSeq === requestSeq;
  if (same) return;
  const detail = missing > 0 ? "" : nothingToPlace(sets);
  draft.decide(
    { type: "SetsDecided", deployment: deployment.id, ...now, inputSeq: draft.zone.seq, detail },
    deployment.cause,
  );
}

const nothingToPlace = ({ targets }: Sets): string =>
  targets.size === 0
    ? "no node fits the request now: one that does gets its set then"
    : "nothing to place: every chosen node has what it shall have";

/**
 * Takes away what is on nodes that have no set any more. Where every node that fits has one, nobody takes their place: they
 * go at once. Otherwise they go as far as those that were chosen instead serve. Returns those that stay.
 */
export function sweep(draft: Draft, sets: Sets, here: readonly Workload[]): Workload[] {
  const leavers = here.filter(({ node }) => !sets.targets.has(node));
  if (leavers.length === 0) return [...here];
  const settled = here.filter(({ node }) => sets.targets.has(node));
  const atOnce = sets.everywhere || sets.perNode === 0;
  const many = atOnce ? leavers.length : leavers.length + servingIn(draft, sets, settled) - sets.total;
  const [drained, others] = [true, false].map((is) =>
    leavers.filter(({ node }) => draft.drains(node) === is),
  );
  const gone = removeSurplus(draft, drained ?? [], many, "drained_node");
  const because = sets.perNode === 0 ? "scaled" : "other_nodes";
  for (const one of removeSurplus(draft, others ?? [], many - gone.size, because)) gone.add(one);
  return here.filter((one) => !gone.has(one));
}

/** How many serve where they shall, those that a user stopped included: they serve nobody, as they shall. */
function servingIn(draft: Draft, { targets }: Sets, settled: readonly Workload[]): number {
  const serving = countsOf(settled.filter((one) => one.phase === "stopped" || serves(draft, one)));
  return serving.entries().reduce((sum, [node, count]) => sum + Math.min(count, targets.get(node) ?? 0), 0);
}

/** Takes so many of the workloads of each node; returns those that are going. */
export function removeByNode(
  draft: Draft,
  workloads: readonly Workload[],
  over: ReadonlyMap<Node, number>,
  because: Because,
): Set<Workload> {
  const removed = new Set<Workload>();
  for (const [node, there] of Map.groupBy(workloads, (one) => one.node)) {
    const many = over.get(node) ?? 0;
    for (const one of removeSurplus(draft, there, many, because)) removed.add(one);
  }
  return removed;
}

/** How many more each node has than it shall; of `spare` in all it is overlooked. */
export function excessOf(sets: Sets, have: ReadonlyMap<Node, number>, spare = 0): Map<Node, number> {
  const over = new Map<Node, number>();
  let left = spare;
  for (const [node, target] of sets.targets) {
    const excess = Math.max(0, (have.get(node) ?? 0) - target);
    const kept = Math.min(excess, left);
    left -= kept;
    if (excess > kept) over.set(node, excess - kept);
  }
  return over;
}
