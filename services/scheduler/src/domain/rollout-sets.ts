import type { Draft } from "./draft.ts";
import { countsOf, needsOf } from "./per-node-needs.ts";
import type { Rollout } from "./rollout-state.ts";
import type { Sets } from "./sets.ts";
import type { Deployment, Node, Workload } from "./zone.ts";

/** The new and the old workloads of a rollout. */
type Groups = { fresh: readonly Workload[]; stale: readonly Workload[] };

/**
 * How many of the old may go on each node: start-first those in whose place, on the same node, a new one serves; stop-first
 * also so many more that up to `batch` are missing in all, one node after the other. Never more than `most`.
 */
export function staleOver(
  sets: Sets,
  given: { stale: readonly Workload[]; serving: readonly Workload[]; batch: number; most: number },
): Map<Node, number> {
  const [stale, serving] = [countsOf(given.stale), countsOf(given.serving)];
  const covered = ([node, target]: [Node, number]): number =>
    (stale.get(node) ?? 0) + (serving.get(node) ?? 0) - target;
  const targets = [...sets.targets];
  const missing = targets.reduce((sum, at) => sum + Math.max(0, -covered(at)), 0);
  let [extra, left] = [Math.max(0, given.batch - missing), given.most];
  const over = new Map<Node, number>();
  for (const at of targets) {
    const [node] = at;
    const there = stale.get(node) ?? 0;
    const free = Math.max(0, Math.min(there, covered(at)));
    // What is stopped before the new one starts needs a node where that may be placed.
    const early = sets.open.has(node) ? Math.min(there - free, extra) : 0;
    const many = Math.min(free + early, left);
    extra -= early;
    left -= many;
    if (many > 0) over.set(node, many);
  }
  return over;
}

/** Where new ones are missing, the nodes that lack something altogether first, and how many those lack. */
export function freshNeeds(
  draft: Draft,
  deployment: Deployment,
  sets: Sets,
  { fresh, stale }: Groups,
  { order }: Rollout["settings"],
): { needs: Map<string, number>; lacking: number } {
  const leaving = order === "stop-first" ? leavingOf(draft, deployment) : [];
  const lacks = needsOf(sets, countsOf([...fresh, ...stale, ...leaving]));
  const lacking = lacks.values().reduce((sum, many) => sum + many, sets.lacking * sets.perNode);
  if (order === "stop-first") return { needs: lacks, lacking };
  const [all, begun] = [needsOf(sets, countsOf(fresh)), countsOf(fresh)];
  const started = new Set([...begun.keys()].map(({ name }) => name));
  const rank = (node: string): number => (lacks.has(node) ? 0 : started.has(node) ? 1 : 2);
  return { needs: new Map([...all].sort(([a], [b]) => rank(a) - rank(b))), lacking };
}

/** Workloads that are going and may still hold what a new one needs. */
export const leavingOf = (draft: Draft, { workloads }: Deployment): Workload[] =>
  [...workloads.values()].filter(
    (one) => (one.going || draft.going.has(one)) && draft.livenessOf(one.node) !== "lost",
  );
