import type { Candidate, Share } from "./candidate.ts";

/**
 * A way to choose nodes for sets of workloads: `perNode` of them on each chosen node. Total and deterministic, whatever the
 * order of the candidates.
 */
export type PerNodeRule = {
  /** Named in every decision; changes when the same input would be answered differently. */
  policy: string;
  /** What the node lacks of its set. */
  lacks: (candidate: Pick<Candidate, "count">, perNode: number) => number;
  /** Who is chosen first; no two nodes are equal. */
  compare: (a: Candidate, b: Candidate) => number;
  byUsage: false;
  byLikeness?: never;
};

/** The nodes that get, or have, a whole set. */
export type Choice<C extends Candidate = Candidate> = {
  /** The chosen nodes in the order of choice; `placed` may be 0. */
  shares: Share<C>[];
  /** How many more nodes were asked for than can have a whole set. */
  lacking: number;
};

/**
 * Chooses the first so many nodes, or with "all" every one, that have room for what they lack of a set. Each node is looked
 * at once, so the cost grows with the nodes and not with `perNode`.
 */
export function chooseNodes<C extends Candidate>(
  candidates: readonly C[],
  { perNode, nodes }: { perNode: number; nodes: number | "all" },
  { lacks, compare }: Pick<PerNodeRule, "lacks"> & { compare: (a: C, b: C) => number },
): Choice<C> {
  const many = nodes === "all" ? candidates.length : nodes;
  const shares = candidates
    .map((candidate) => ({ candidate, placed: lacks(candidate, perNode) }))
    .filter(({ candidate, placed }) => placed <= candidate.capacity)
    .sort((a, b) => compare(a.candidate, b.candidate))
    .slice(0, many);
  return { shares, lacking: many - shares.length };
}
