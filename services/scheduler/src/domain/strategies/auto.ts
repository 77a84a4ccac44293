import { byName, type Candidate, limited, type Rule, type Share } from "./candidate.ts";
import { firstOf } from "./first-of.ts";

/**
 * Eru's AUTO: one workload after the other goes to the node with the fewest of its app and entrypoint; on a tie to the one
 * with more capacity left, then to the first by name. Because nobody gets a second one before all below have got theirs,
 * the outcome is a water level: every node is filled up to it, and the last few go one each to the best at the level.
 * So the cost grows with nodes, not with `need`. Places `need` or, when less fits, all that fits.
 */
export const auto: Rule = {
  policy: "auto-1",
  byUsage: false,
  compare: (a, b) => a.count - b.count || b.capacity - a.capacity || byName(a, b),
  shares: waterLevel,
};

function waterLevel<C extends Candidate>(
  candidates: readonly C[],
  need: number,
  nodesLimit: number,
): Share<C>[] {
  if (need <= 0) return candidates.map((candidate) => ({ candidate, placed: 0 }));
  const most = new Float64Array(candidates.length);
  const count = new Float64Array(candidates.length);
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at] as C;
    most[at] = limited(candidate, nodesLimit);
    count[at] = candidate.count;
  }
  const filledTo = (level: number): number => {
    let sum = 0;
    for (let at = 0; at < most.length; at++) sum += fill(count[at] as number, most[at] as number, level);
    return sum;
  };
  let top = 0;
  for (let at = 0; at < most.length; at++) top = Math.max(top, (count[at] as number) + (most[at] as number));
  const wanted = Math.max(0, Math.min(need, filledTo(top)));
  // A node with room for all that is wanted stays within it.
  for (let at = 0; at < most.length; at++)
    if ((most[at] as number) > wanted) top = Math.min(top, (count[at] as number) + wanted);
  const level = highest(filledTo, wanted, top);
  const shares = candidates.map((candidate, at) => ({
    candidate,
    placed: fill(candidate.count, most[at] as number, level),
  }));
  const atLevel = shares.filter(
    ({ candidate, placed }, at) => candidate.count + placed === level && placed < (most[at] as number),
  );
  for (const share of bestOf(atLevel, wanted - filledTo(level))) share.placed++;
  return shares;
}

/** The first by room that is left and name, in any order. */
function bestOf<C extends Candidate>(shares: Share<C>[], many: number): Share<C>[] {
  const better = (a: Share<C>, b: Share<C>): number => left(b) - left(a) || byName(a.candidate, b.candidate);
  // A few of many are found without putting all in order.
  if (many < fewMax) return firstOf(shares, many, { compare: better });
  if (many >= shares.length) return shares;
  const ranks = new Float64Array(shares.length);
  for (let at = 0; at < shares.length; at++) {
    const share = shares[at] as Share<C>;
    if (share.candidate.order === undefined) return shares.sort(better).slice(0, many);
    ranks[at] = share.candidate.order - left(share) * ordersMax;
  }
  const last = ranks.toSorted()[many - 1] as number;
  return shares.filter((_, at) => (ranks[at] as number) <= last);
}

/** More nodes than there can be: capacity comes before the name. */
const ordersMax = 1_000_000;

/** As many of a list are found faster one by one. */
const fewMax = 16;

/** What a node that stands at `count` takes to reach the level. */
const fill = (count: number, most: number, level: number): number =>
  Math.min(Math.max(0, level - count), most);

const left = ({ candidate, placed }: Share): number => candidate.capacity - placed;

/** The highest level up to `top` that takes no more than `wanted`; `filledTo` only grows. */
function highest(filledTo: (level: number) => number, wanted: number, top: number): number {
  let low = 0;
  let high = top;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (filledTo(middle) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
