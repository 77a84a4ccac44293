import type { Spread } from "@eru/events";
import { type Candidate, limited, type Rule, type Share } from "./strategies/candidate.ts";
import { global } from "./strategies/global.ts";

/** A node with what the request prefers and spreads over. */
export type WeighedCandidate = Candidate & {
  /** The higher, the earlier it is filled. */
  preference: number;
  /** Its value of the label that is spread over; a node without the label has "". */
  place: string;
};

/** What is asked of a sharing out. */
export type Sharing = {
  rule: Rule;
  need: number;
  nodesLimit: number;
  spread: Spread | undefined;
  /** Workloads that are there already, by place, also on nodes that may not be chosen. */
  there: ReadonlyMap<string, number>;
};

/**
 * Shares out over places first, then, in each place, over the nodes that are preferred most, and there by the strategy.
 * Like every rule it places what is needed or, when less fits, all that fits, and in two portions what it would at once.
 */
export function shareOut<C extends WeighedCandidate>(candidates: readonly C[], sharing: Sharing): Share<C>[] {
  const { spread, need } = sharing;
  if (!spread) return byPreference(candidates, sharing, need);
  const groups = new Map<string, C[]>();
  for (const candidate of candidates) {
    const group = groups.get(candidate.place) ?? [];
    groups.set(candidate.place, group);
    group.push(candidate);
  }
  const needs = overPlaces(groups, sharing, spread);
  return [...groups].flatMap(([place, group]) => byPreference(group, sharing, needs.get(place) ?? 0));
}

/**
 * One workload after the other goes to the place where the least stands for its weight, half of the newcomer counted; on a
 * tie to the first by name (the method of Sainte-Laguë, by which the rounding favours neither large nor small weights).
 * That is GLOBAL with places for nodes, so the cost grows with the places alone. A place that is not named by the targets
 * gets something only when no named one has room.
 */
function overPlaces<C extends WeighedCandidate>(
  groups: ReadonlyMap<string, readonly C[]>,
  { need, nodesLimit, there }: Sharing,
  { targets }: Spread,
): Map<string, number> {
  const weights = targets && new Map(targets.map(({ value, weight }) => [value, weight]));
  const places = [...groups].map(([place, group]): Candidate => {
    const count = there.get(place) ?? 0;
    const weight = weights ? weights.get(place) : 1;
    return {
      node: place,
      count,
      capacity: group.reduce((sum, candidate) => sum + limited(candidate, nodesLimit), 0),
      usage: (more) => (weight === undefined ? unnamed + count + more : (count + more - half) / weight),
    };
  });
  return new Map(global.shares(places, need, 0).map(({ candidate, placed }) => [candidate.node, placed]));
}

const half = 0.5;

/** More than any place that is named can have. */
const unnamed = 1e12;

/** Fills the most preferred nodes by the strategy, then the next. */
function byPreference<C extends WeighedCandidate>(
  candidates: readonly C[],
  { rule, nodesLimit }: Sharing,
  need: number,
): Share<C>[] {
  const [first] = candidates;
  if (candidates.every(({ preference }) => preference === first?.preference))
    return rule.shares(candidates, need, nodesLimit);
  const tiers = new Map<number, C[]>();
  for (const candidate of candidates) {
    const tier = tiers.get(candidate.preference) ?? [];
    tiers.set(candidate.preference, tier);
    tier.push(candidate);
  }
  let left = need;
  return [...tiers]
    .sort(([a], [b]) => b - a)
    .flatMap(([, tier]) => {
      const shares = rule.shares(tier, left, nodesLimit);
      left -= shares.reduce((sum, { placed }) => sum + placed, 0);
      return shares;
    });
}
