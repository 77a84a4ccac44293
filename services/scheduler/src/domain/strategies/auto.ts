import { byName, type Candidate, limited, type Rule, type Share } from "./candidate.ts";

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
  const room = candidates.map((candidate) => ({ candidate, most: limited(candidate, nodesLimit) }));
  const filledTo = (level: number): number =>
    room.reduce((sum, { candidate, most }) => sum + fill(candidate.count, most, level), 0);
  const top = room.reduce((most, one) => Math.max(most, one.candidate.count + one.most), 0);
  const wanted = Math.max(0, Math.min(need, filledTo(top)));
  const level = highest(filledTo, wanted, top);
  const shares = room.map(({ candidate, most }) => ({
    candidate,
    most,
    placed: fill(candidate.count, most, level),
  }));
  const atLevel = shares
    .filter(({ candidate, most, placed }) => candidate.count + placed === level && placed < most)
    .sort((a, b) => left(b) - left(a) || byName(a.candidate, b.candidate));
  for (const share of atLevel.slice(0, wanted - filledTo(level))) share.placed++;
  return shares.map(({ candidate, placed }) => ({ candidate, placed }));
}

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
