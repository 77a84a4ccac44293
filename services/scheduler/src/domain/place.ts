import type { NodeRejection, NodeScore, Reasons, Resources } from "@eru/events";
import { type Amounts, timesIn } from "./amounts.ts";
import type { Draft } from "./draft.ts";
import { countFor, detailOf, type FilterName, filterNames, rejectionOf, type Wish } from "./filters.ts";
import { capacityMax, rejectedMax, runnersUpMax, scoresMax } from "./limits.ts";
import { byName, type Candidate, limited, type Rule, type Share } from "./strategies/candidate.ts";
import { rules } from "./strategies/index.ts";
import { wouldHelp } from "./would-help.ts";
import { capacityOf, type Node } from "./zone.ts";

type NodeCandidate = Candidate & { at: Node };
type Rejected = { node: Node; filter: FilterName };
export type Verdicts = { open: NodeCandidate[]; rejected: Rejected[] };

export type Placement = {
  /** Nodes that get something, and how many. */
  placed: { node: Node; count: number }[];
  /** How many of the wanted fit nowhere. */
  short: number;
  reasons: Reasons;
};

/** The verdict on every node of the pod: what it can take, or the first filter that rejects it. */
export function verdicts(draft: Draft, wish: Wish): Verdicts {
  const open: NodeCandidate[] = [];
  const rejected: Rejected[] = [];
  for (const at of draft.pod.nodes.values()) {
    const filter = rejectionOf(at, wish, draft);
    if (filter) rejected.push({ node: at, filter });
    else {
      const capacity = timesIn(draft.freeOn(at), wish.amounts, capacityMax);
      const count = countFor(wish, at, draft);
      open.push({ at, node: at.name, count, capacity, usage: usageOf(at, wish, draft) });
    }
  }
  return { open, rejected };
}

/**
 * How full a node is: the mean of its booked parts of cores and memory. Computed from whole amounts, never added up, so
 * that equal nodes stay exactly equal. What an upgrade is about to retire is as good as gone.
 */
function usageOf(node: Node, { amounts, retiring }: Wish, draft: Draft): (more: number) => number {
  const size: Amounts = capacityOf(node) ?? { milli: 0, mib: 0 };
  const left = draft.freeOn(node);
  const leaving = retiring.get(node.name) ?? 0;
  const part = (of: number, free: number, each: number, more: number): number =>
    of > 0 ? Math.max(0, of - free + each * (more - leaving)) / of : 1;
  return (more) =>
    (part(size.milli, left.milli, amounts.milli, more) + part(size.mib, left.mib, amounts.mib, more)) / 2;
}

/** How many fit in all. */
export const roomIn = ({ open }: Verdicts, nodesLimit: number): number =>
  open.reduce((sum, candidate) => sum + limited(candidate, nodesLimit), 0);

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
  const room = roomIn(before, wish.nodesLimit);
  const rule = rules[wish.strategy];
  const shares = rule.shares(before.open, now, wish.nodesLimit);
  const placed = shares
    .filter((share) => share.placed > 0)
    .map((share) => ({ node: share.candidate.at, count: share.placed }));
  for (const { node, count } of placed) {
    draft.book(node, wish.amounts, count);
    draft.spread(wish.key, node.name, count);
  }
  const short = Math.max(0, wanted - room);
  // What stands in the way of the rest is seen after the placing; while a portion is still open, before it.
  const told = short > 0 && now >= room;
  const rejected = told ? verdicts(draft, wish).rejected : before.rejected;
  const totals: Record<string, number> = {};
  for (const { filter } of rejected) totals[filter] = (totals[filter] ?? 0) + 1;
  const reasons: Reasons = {
    policy: rule.policy,
    inputSeq: draft.zone.seq,
    wanted,
    resources,
    nodesTotal: draft.pod.nodes.size,
    candidatesTotal: before.open.length,
    scores: scoresOf(rule, shares),
    rejectedTotals: totals,
    rejected: rejectionsOf(rejected, wish, draft),
    wouldHelp: told ? wouldHelp(draft, wish, rejected) : [],
  };
  return { placed, short: told ? short : 0, reasons };
}

function scoresOf(rule: Rule, shares: readonly Share<NodeCandidate>[]): NodeScore[] {
  const chosen = shares
    .filter(({ placed }) => placed > 0)
    .sort((a, b) => b.placed - a.placed || byName(a.candidate, b.candidate));
  const others = shares
    .filter(({ placed }) => placed === 0)
    .sort((a, b) => rule.compare(a.candidate, b.candidate));
  return [...chosen.slice(0, scoresMax), ...others.slice(0, runnersUpMax)].map(
    ({ candidate: { node, count, capacity, usage }, placed }) => ({
      node,
      count,
      capacity,
      placed,
      ...(rule.byUsage && { usage: Number(usage(0).toFixed(usageDecimals)) }),
    }),
  );
}

/** Decimals of the usage that reasons show; the strategy compares it in full. */
const usageDecimals = 4;

/** The nodes that came closest first: they failed the latest filter. */
function rejectionsOf(rejected: readonly Rejected[], wish: Wish, draft: Draft): NodeRejection[] {
  const order = new Map(filterNames.map((name, index) => [name, index]));
  const rank = ({ filter }: Rejected): number => order.get(filter) ?? 0;
  return rejected
    .toSorted((a, b) => rank(b) - rank(a) || byName({ node: a.node.name }, { node: b.node.name }))
    .slice(0, rejectedMax)
    .map(({ node, filter }) => ({
      node: node.name,
      filter,
      detail: detailOf(filter, node, wish, draft),
    }));
}
