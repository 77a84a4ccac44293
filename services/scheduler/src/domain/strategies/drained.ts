import { byName, type Candidate, limited, type Rule, type Share } from "./candidate.ts";

/** Least room first, then the fuller node, then by name: an order in which no two nodes are equal. */
export const compareDrained = (a: Candidate, b: Candidate): number =>
  a.capacity - b.capacity || b.usage(0) - a.usage(0) || byName(a, b);

/** Eru's DRAINED: uses up the node with the least room, then the next, so that the others stay free for something large. */
export const drained: Rule = {
  policy: "drained-1",
  byUsage: true,
  compare: compareDrained,
  shares: <C extends Candidate>(candidates: readonly C[], need: number, nodesLimit: number): Share<C>[] => {
    let left = Math.max(0, need);
    return candidates.toSorted(compareDrained).map((candidate) => {
      const placed = Math.min(left, limited(candidate, nodesLimit));
      left -= placed;
      return { candidate, placed };
    });
  },
};
