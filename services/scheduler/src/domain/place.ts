import type { Granted, NodeRejection, NodeScore, Reasons, Resources } from "@eru/events";
import type { Draft } from "./draft.ts";
import {
  affinitiesOf,
  detailOf,
  type FilterName,
  filterNames,
  type NodeCandidate,
  rejectionOf,
  type Standing,
  type Wish,
} from "./filters.ts";
import { rejectedMax, runnersUpMax, scoresMax } from "./limits.ts";
import { preferenceOf } from "./preference.ts";
import { shareOut } from "./share-out.ts";
import { standingsOf } from "./standings.ts";
import { byName, limited, type Rule, type Share } from "./strategies/candidate.ts";
import { firstOf } from "./strategies/first-of.ts";
import { rules } from "./strategies/index.ts";
import { wouldHelp } from "./would-help.ts";
import type { Node } from "./zone.ts";

type Rejected = { node: Node; filter: FilterName };
export type Verdicts = { open: NodeCandidate[]; rejected: Rejected[] };

export type Placement = {
  /** Nodes that get something, how many, and which parts each of them has there. */
  placed: { node: Node; count: number; granted: readonly Granted[] | undefined }[];
  /** How many of the wanted fit nowhere. */
  short: number;
  reasons: Reasons;
};

/** The verdict on every node of the pod: what it can take, or the first filter that rejects it. */
export function verdicts(draft: Draft, wish: Wish): Verdicts {
  const open: NodeCandidate[] = [];
  const rejected: Rejected[] = [];
  const plain = !weighs(wish) && !rules[wish.strategy].byUsage;
  const known = standingsOf(draft);
  const { nodes, orders } = known;
  const standings = known.of(wish, draft);
  const counts = known.countsOf(wish.key, draft);
  for (let index = 0; index < nodes.length; index++) {
    const at = nodes[index] as Node;
    const standing = standings[index] as Standing;
    const retiring = wish.retiring.size > 0 ? (wish.retiring.get(at.name) ?? 0) : 0;
    const count = Math.max(0, (counts[index] as number) - retiring);
    const order = orders[index] as number;
    const filter = rejectionOf(standing, { node: at, count, wish, draft });
    if (filter) rejected.push({ node: at, filter });
    else
      open.push(
        plain
          ? plainCandidate(at, standing, { count, order, wish })
          : candidateOf(at, standing, { count, order, wish, draft }),
      );
  }
  return { open, rejected };
}

function candidateOf(
  at: Node,
  { capacity }: Standing,
  { count, order, wish, draft }: { count: number; order: number; wish: Wish; draft: Draft },
): NodeCandidate {
  const { byUsage, byLikeness } = rules[wish.strategy];
  // What an upgrade is about to retire is as good as gone.
  const leaving = wish.retiring.get(at.name) ?? 0;
  return {
    at,
    node: at.name,
    order,
    count,
    capacity,
    usage: byUsage ? draft.booksOf(at).usage(wish.amounts, leaving) : unseen,
    ...(byLikeness && { likeness: draft.booksOf(at).likeness(wish.amounts, leaving) }),
    preference: weighs(wish) ? preferenceOf(at, wish.prefer, affinitiesOf(wish, draft)) : 0,
    place: placeOf(at, wish),
  };
}

/** A candidate of which nothing counts but its room, its place and who is there: most are the same for one request after the other. */
function plainCandidate(
  at: Node,
  standing: Standing,
  { count, order, wish }: { count: number; order: number; wish: Wish },
): NodeCandidate {
  const { last } = standing;
  if (last && last.count === count) return last;
  const { capacity } = standing;
  const made: NodeCandidate = {
    ...{ at, node: at.name, order, count, capacity },
    ...{ usage: unseen, preference: 0, place: placeOf(at, wish) },
  };
  standing.last = made;
  return made;
}

/** Of a strategy that does not look at it. */
const unseen = (): number => 0;

/** How many fit in all. */
export const roomIn = ({ open }: Verdicts, { nodesLimit, sets }: Wish): number =>
  open.reduce((sum, candidate) => {
    const need = sets ? (sets.needs.get(candidate.node) ?? 0) : Infinity;
    return sum + Math.min(need, limited(candidate, nodesLimit));
  }, 0);

/**
 * Places `now` of `wanted` workloads and books them in the draft. `now` is less when a pass cannot hold a large request in
 * one piece. The same function answers dry runs.
 */
export function place(
  draft: Draft,
  wish: Wish,
  given: { wanted: number; now: number; resources: Resources },
): Placement {
  const { wanted, now, resources } = given;
  const before = verdicts(draft, wish);
  const room = roomIn(before, wish);
  const rule = rules[wish.strategy];
  const shares = sharesOf(before.open, wish, now, draft);
  const placed = shares
    .filter((share) => share.placed > 0)
    .map(({ candidate: { at: node }, placed: count }) => {
      draft.spread(wish.key, node.name, count);
      return { node, count, granted: draft.book(node, wish.amounts, count) };
    });
  const short = Math.max(0, wanted - room);
  // What stands in the way of the rest is seen after the placing; while a portion is still open, before it.
  const told = short > 0 && now >= room;
  const after = told ? afterPlacing(wish, shares) : wish;
  const rejected = told ? verdicts(draft, after).rejected : before.rejected;
  const totals: Record<string, number> = {};
  for (const { filter } of rejected) totals[filter] = (totals[filter] ?? 0) + 1;
  const reasons: Reasons = {
    policy: rule.policy,
    inputSeq: draft.zone.seq,
    wanted,
    resources,
    nodesTotal: draft.pod.nodes.size,
    candidatesTotal: before.open.length,
    scores: scoresOf(rule, wish, shares),
    rejectedTotals: totals,
    rejected: rejectionsOf(rejected, after, draft),
    wouldHelp: told ? wouldHelp(draft, after, rejected) : [],
    ...(wish.sets && { sets: setsSeen(wish.sets) }),
  };
  return { placed, short: told ? short : 0, reasons };
}

/** What was placed is no longer needed. */
function afterPlacing(wish: Wish, shares: readonly Share<NodeCandidate>[]): Wish {
  const { sets } = wish;
  if (!sets) return wish;
  const needs = new Map(sets.needs);
  for (const { candidate, placed } of shares)
    needs.set(candidate.node, (needs.get(candidate.node) ?? 0) - placed);
  return { ...wish, sets: { ...sets, needs } };
}

const setsSeen = ({ perNode, chosen, lacking }: NonNullable<Wish["sets"]>): Reasons["sets"] => ({
  perNode,
  nodesChosen: chosen.size,
  nodesLacking: lacking,
});

/** How many of `need` go to each of the candidates. */
export const sharesOf = (
  open: readonly NodeCandidate[],
  wish: Wish,
  need: number,
  draft: Draft,
): Share<NodeCandidate>[] => {
  const rule = rules[wish.strategy];
  if (!("shares" in rule)) return sharesByNeed(open, wish.sets?.needs ?? new Map(), need);
  const { nodesLimit, spread } = wish;
  return shareOut(open, { rule, need, nodesLimit, spread, there: thereBy(wish, draft) });
};

/** Where each node has a number of its own: they get it one after the other, as far as there is room. */
function sharesByNeed(
  open: readonly NodeCandidate[],
  needs: ReadonlyMap<string, number>,
  most: number,
): Share<NodeCandidate>[] {
  const byNode = new Map(open.map((candidate) => [candidate.node, candidate]));
  let left = most;
  return [...needs].flatMap(([node, need]) => {
    const candidate = byNode.get(node);
    if (!candidate) return [];
    const placed = Math.min(need, candidate.capacity, left);
    left -= placed;
    return [{ candidate, placed }];
  });
}

/** The node's value of the label that is spread over. */
export const placeOf = ({ labels }: Node, { spread }: Wish): string =>
  spread && Object.hasOwn(labels, spread.label) ? (labels[spread.label] ?? "") : "";

/** Workloads that are there already, by place. */
export function thereBy(wish: Wish, draft: Draft): Map<string, number> {
  const there = new Map<string, number>();
  if (!wish.spread) return there;
  const known = standingsOf(draft);
  const counts = known.countsOf(wish.key, draft);
  for (let index = 0; index < known.nodes.length; index++) {
    const node = known.nodes[index] as Node;
    const retiring = wish.retiring.size > 0 ? (wish.retiring.get(node.name) ?? 0) : 0;
    const count = Math.max(0, (counts[index] as number) - retiring);
    const place = placeOf(node, wish);
    const before = there.get(place);
    if (before === undefined || count > 0) there.set(place, (before ?? 0) + count);
  }
  return there;
}

function scoresOf(
  rule: Pick<Rule, "compare">,
  wish: Wish,
  shares: readonly Share<NodeCandidate>[],
): NodeScore[] {
  const chosen = firstOf(shares, scoresMax, {
    of: ({ placed }) => placed > 0,
    compare: (a, b) => b.placed - a.placed || byName(a.candidate, b.candidate),
  });
  const others = firstOf(shares, runnersUpMax, {
    of: ({ placed }) => placed === 0,
    compare: (a, b) =>
      b.candidate.preference - a.candidate.preference || rule.compare(a.candidate, b.candidate),
  });
  return [...chosen, ...others].map((share) => scoreOf(wish, share));
}

/** A candidate as the strategy sees it, for people. */
export function scoreOf(wish: Wish, { candidate, placed }: Share<NodeCandidate>): NodeScore {
  const { node, count, capacity, usage, likeness, preference, place: at } = candidate;
  return {
    node,
    count,
    capacity,
    placed,
    ...(rules[wish.strategy].byUsage && { usage: Number(usage(0).toFixed(usageDecimals)) }),
    ...(likeness && { alike: cosineOf(likeness.alike(0)) }),
    ...(weighs(wish) && { preference }),
    ...(wish.spread && { spread: at }),
  };
}

/** The cosine of an angle whose cotangent is given: 1 is the same proportions. */
const cosineOf = (cotangent: number): number =>
  Number((cotangent / Math.sqrt(1 + cotangent * cotangent)).toFixed(usageDecimals));

/** Whether the wish likes some nodes better than others. */
const weighs = ({ prefer, affinity }: Wish): boolean =>
  prefer.length > 0 || affinity.some(({ rule: of }) => of === "prefer" || of === "avoid");

/** Decimals of what reasons show; the strategy compares it in full. */
const usageDecimals = 4;

const order = new Map(filterNames.map((name, index) => [name, index]));

/** The nodes that came closest first: they failed the latest filter. */
function rejectionsOf(rejected: readonly Rejected[], wish: Wish, draft: Draft): NodeRejection[] {
  const rank = ({ filter }: Rejected): number => order.get(filter) ?? 0;
  return firstOf(rejected, rejectedMax, {
    compare: (a, b) => rank(b) - rank(a) || (a.node.name < b.node.name ? -1 : 1),
  }).map(({ node, filter }) => ({
    node: node.name,
    filter,
    detail: detailOf(filter, node, wish, draft),
  }));
}
