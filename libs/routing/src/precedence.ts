import type { Condition, Match, Rule } from "@eru/events";

/**
 * Rules in the order in which a load balancer tries them: the higher priority first, then by the kind of path (exact,
 * the longer prefix, regex, none), then more conditions, then the id. What is not enabled is left out.
 */
export function inPrecedence(rules: readonly Rule[]): Rule[] {
  return rules
    .filter(({ enabled }) => enabled)
    .map((rule) => ({ rule, rank: rankOf(rule) }))
    .sort((one, other) => before(one.rank, other.rank) || (one.rule.id < other.rule.id ? -1 : 1))
    .map(({ rule }) => rule);
}

/** Smaller numbers come first, the earlier number counts more. */
type Rank = readonly [priority: number, ...MatchRank];
type MatchRank = readonly [kind: number, prefix: number, conditions: number];
const noCondition: MatchRank = [3, 0, 0];

const before = (one: readonly number[], other: readonly number[]): number => {
  for (const [index, number] of one.entries()) {
    const difference = number - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

/** A rule without conditions, and of one with several alternatives the weakest, stands as far back as it can match. */
function rankOf({ priority, when }: Rule): Rank {
  const [weakest = noCondition] = (when ?? []).map(rankOfMatch).sort((one, other) => before(other, one));
  return [-priority, ...weakest];
}

function rankOfMatch(match: Match): MatchRank {
  const conditions = -conditionsIn(match);
  const { path } = match;
  if (!path) return [3, 0, conditions];
  if ("exact" in path) return [0, 0, conditions];
  if ("prefix" in path) return [1, -path.prefix.length, conditions];
  return [2, 0, conditions];
}

/** Named values count one each, and so does everything under `not`. */
function conditionsIn({ not = [], ...condition }: Match): number {
  const { headers, query, cookies, ...single } = condition satisfies Condition;
  const named = [headers, query, cookies].map((record) => Object.keys(record ?? {}).length);
  const rest = Object.values(single).filter((value) => value !== undefined).length;
  return named.reduce((sum, count) => sum + count, rest + not.length);
}
