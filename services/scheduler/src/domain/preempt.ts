import type { DisplacedPlace, Preemption, PreemptionRunnerUp } from "@eru/events";
import type { Books } from "@eru/resources";
import type { Draft } from "./draft.ts";
import { countFor, type Wish } from "./filters.ts";
import { holderOf } from "./held.ts";
import { isRoom } from "./kept-room.ts";
import { booksAfter, isLeaving } from "./leaving.ts";
import { displacedOthersMax, examinedMax, placesMax } from "./limits.ts";
import { verdicts } from "./place.ts";
import { byName } from "./strategies/candidate.ts";
import { firstOf } from "./strategies/first-of.ts";
import { byHarm, type Victims, victimsOn } from "./victims.ts";
import type { Node, Workload } from "./zone.ts";

/** The rule by which victims are chosen. */
const policy = "preempt-1";

/** A node that lacks nothing but room, as it is when those have gone who are on their way out and others have come instead. */
type Full = { node: Node; books: Books; freeing: number; limit: number };
/** What it takes to get room on a node, and for how many. */
type Option = Full & { candidates: readonly Workload[]; victims: Victims; count: number };

/** Whom a wish would displace. */
export type Displacement = { preemption: Preemption; victims: readonly Workload[] };

/**
 * Whom to displace so that up to `wanted` of a wish get room, when nothing fits and nothing is about to become free for them;
 * undefined when nobody has to go, or nobody may. `most` is how many may be displaced in all.
 */
export function displacementFor(
  draft: Draft,
  wish: Wish,
  { wanted, most }: { wanted: number; most: number },
): Displacement | undefined {
  // So many nodes fell silent at once that nothing is moved.
  if (wanted <= 0 || most <= 0 || draft.pod.held) return undefined;
  const full = fullNodes(draft, wish, wanted);
  const freeing = full.reduce((sum, one) => sum + one.freeing, 0);
  if (freeing >= wanted) return undefined;
  const candidates = full.flatMap((one) => {
    const lower = one.limit > 0 ? lowerOn(draft, one.node, wish) : [];
    return lower.length > 0 ? [{ ...one, candidates: lower }] : [];
  });
  const examined = nearest(draft, wish, candidates);
  const { chosen, others } = choose(examined, wish, { wanted: wanted - freeing, most });
  if (chosen.length === 0) return undefined;
  return {
    victims: chosen.flatMap(({ victims }) => victims),
    preemption: {
      ...{ policy, inputSeq: draft.zone.seq, priority: wish.rank.priority, wanted, freeing },
      places: chosen.map(placeOf),
      runnersUp: firstOf(others, displacedOthersMax, {
        compare: (a, b) => byHarm(a.victims, b.victims),
      }).map(runnerUpOf),
      nodesTotal: draft.pod.nodes.size,
      candidatesTotal: candidates.length,
      examined: examined.length,
    },
  };
}

/** Node by node, each time where it does the least harm; `others` are those that were not chosen. */
function choose(
  nodes: readonly Omit<Option, "victims" | "count">[],
  wish: Wish,
  { wanted, most }: { wanted: number; most: number },
): { chosen: Option[]; others: Option[] } {
  const chosen: Option[] = [];
  let options = nodes.flatMap((one) => optionOf(one, wish, most));
  let need = wanted;
  for (let left = most; need > 0 && chosen.length < placesMax; ) {
    const [best] = firstOf(options, 1, {
      of: ({ victims }) => victims.length <= left,
      compare: (a, b) => byHarm(a.victims, b.victims),
    });
    if (!best) break;
    const count = Math.min(best.count, need);
    chosen.push({ ...best, count });
    left -= best.victims.length;
    need -= count;
    options = options.flatMap((one) => (one === best ? optionOf(without(best, wish), wish, left) : [one]));
  }
  const at = new Set(chosen.map(({ node }) => node));
  return { chosen, others: options.filter(({ node }) => !at.has(node)) };
}

/** Nodes that every filter lets pass save those that ask for room, with up to `wanted` in what is about to become free. */
function fullNodes(draft: Draft, wish: Wish, wanted: number): Full[] {
  return verdicts(draft, wish).rejected.flatMap(({ node, filter }) => {
    if (!isRoom(filter) || holderOf(draft.holds.get(node), wish)) return [];
    const limit = wish.nodesLimit > 0 ? wish.nodesLimit - countFor(wish, node, draft) : wanted;
    if (limit <= 0) return [];
    const books = booksAfter(draft, node);
    const freeing = books.room(wish.amounts, Math.min(limit, wanted));
    if (freeing > 0) books.take(wish.amounts, freeing);
    return [{ node, books, freeing, limit: limit - freeing }];
  });
}

/**
 * Who may be displaced on a node. Not what a held upgrade failed with, which stays as evidence until the user says more.
 */
const lowerOn = (draft: Draft, { workloads }: Node, { rank }: Wish): Workload[] =>
  [...workloads].filter(
    (one) => one.deployment.turn.priority < rank.priority && !isLeaving(draft, one) && !isEvidence(one),
  );

const isEvidence = ({ deployment: { rollout }, version }: Workload): boolean =>
  rollout !== undefined &&
  (rollout.paused || rollout.step === "halted") &&
  rollout.spare > 0 &&
  !rollout.back &&
  version === rollout.seq;

/** Of more than can be looked at, those where the least must become free. */
function nearest<N extends Full>(draft: Draft, { amounts }: Wish, nodes: N[]): N[] {
  if (nodes.length <= examinedMax) return nodes;
  const parts = new Map(
    nodes.map((one) => [
      one,
      draft
        .booksOf(one.node)
        .lacks(amounts)
        .reduce((most, { part }) => Math.max(most, part), 0),
    ]),
  );
  return firstOf(nodes, examinedMax, {
    compare: (a, b) =>
      (parts.get(a) ?? 0) - (parts.get(b) ?? 0) || byName({ node: a.node.name }, { node: b.node.name }),
  });
}

/** Whom the next place on the node takes; nothing when nobody's going would give it one. */
function optionOf(one: Omit<Option, "victims" | "count">, { amounts }: Wish, most: number): Option[] {
  const { books, candidates, limit } = one;
  const victims = limit > 0 ? victimsOn(books, candidates, { amounts, most }) : undefined;
  if (!victims) return [];
  const after = booksWithout(books, victims);
  return [{ ...one, victims, count: after.room(amounts, limit) }];
}

/** The node when the victims have gone and others have come in their place. */
function without({ victims, count, ...one }: Option, { amounts }: Wish): Omit<Option, "victims" | "count"> {
  const books = booksWithout(one.books, victims);
  books.take(amounts, count);
  const candidates = one.candidates.filter((candidate) => !victims.includes(candidate));
  return { ...one, books, candidates, limit: one.limit - count };
}

function booksWithout(books: Books, victims: Victims): Books {
  const after = books.copy();
  for (const { amounts, booked } of victims) after.giveBack(amounts, booked);
  return after;
}

const placeOf = ({ node, victims, count }: Option): DisplacedPlace => ({
  node: node.name,
  count,
  victims: victims.map(({ id, deployment, placedSeq }) => ({
    workload: id,
    deployment: deployment.id,
    priority: deployment.turn.priority,
    placedSeq,
  })),
});

const runnerUpOf = ({ node, victims }: Option): PreemptionRunnerUp => ({
  node: node.name,
  victims: victims.length,
  highestPriority: Math.max(...victims.map(({ deployment }) => deployment.turn.priority)),
  oldestSeq: Math.min(...victims.map(({ placedSeq }) => placedSeq)),
});
