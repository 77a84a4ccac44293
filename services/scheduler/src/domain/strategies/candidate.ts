import type { Likeness } from "@eru/resources";

/** A node as a strategy sees it. */
export type Candidate = {
  node: string;
  /** Its place among all nodes by name, where that is known: quicker to compare than names. */
  order?: number;
  /** Workloads of the same app and entrypoint already there. */
  count: number;
  /** How many more fit. */
  capacity: number;
  /** The part of the node that is booked once `more` of the workloads are on it; never falls as `more` grows. */
  usage: (more: number) => number;
  /** How what is free there stands to what is asked for; only for a strategy that goes by it. */
  likeness?: Likeness;
};

/** One candidate's share. */
export type Share<C extends Candidate = Candidate> = { candidate: C; placed: number };

/**
 * A way to share out workloads. Total and deterministic, whatever the order of the candidates; places `need` or, when less
 * fits, all that fits; and what is placed in two portions is what would have been placed at once.
 */
export type Rule = {
  /** Named in every decision; changes when the same input would be answered differently. */
  policy: string;
  shares: <C extends Candidate>(candidates: readonly C[], need: number, nodesLimit: number) => Share<C>[];
  /** Who comes first, of candidates as they are before the placing. */
  compare: (a: Candidate, b: Candidate) => number;
  /** True when usage decides, so that reasons show it. */
  byUsage: boolean;
  /** True when likeness decides, so that reasons show it as well. */
  byLikeness?: true;
};

type Named = { node: string; order?: number };

export const byName = (a: Named, b: Named): number => {
  if (a.order !== undefined && b.order !== undefined) return a.order - b.order;
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0;
};

/** How many more a node may take: nodes_limit counts the workloads that are there already; 0 is no limit. */
export const limited = (
  { count, capacity }: Pick<Candidate, "count" | "capacity">,
  nodesLimit: number,
): number => (nodesLimit > 0 ? Math.max(0, Math.min(capacity, nodesLimit - count)) : capacity);
