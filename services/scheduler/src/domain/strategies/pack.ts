import { byName, type Candidate, type Rule, type Share } from "./candidate.ts";
import { cheapestPlaces } from "./places.ts";

/** A node whose likeness was not asked for is like any other. */
const unknown = { inUse: true, unasked: 0, alike: (): number => 0 };

const alikeBefore = ({ likeness = unknown }: Candidate, more: number): number => likeness.alike(more - 1);
const isInUse = ({ likeness = unknown }: Candidate): boolean => likeness.inUse;
const unaskedOf = ({ likeness = unknown }: Candidate): number => likeness.unasked;

/** Nodes in use first, then those with the least of what is not asked for. */
const compareTiers = (a: Candidate, b: Candidate): number =>
  Number(isInUse(b)) - Number(isInUse(a)) || unaskedOf(a) - unaskedOf(b);

/** Then those whose free amounts are most like what is asked for, then by name. */
const comparePack = (a: Candidate, b: Candidate): number =>
  compareTiers(a, b) || alikeBefore(b, 1) - alikeBefore(a, 1) || byName(a, b);

/**
 * PACK, from the dot product of vector bin packing (Panigrahy and others, Heuristics for Vector Bin Packing, 2011): one
 * workload after the other goes to a node in use before an empty one; where least is free of what it does not ask for; and
 * there to the node whose free amounts are most like it in proportion. What is not asked for does not change while they are
 * placed and a node only becomes less like, so the nodes in use are a search for a threshold, tier after tier; an empty one,
 * once opened, is the only one in use with room and takes all it can.
 */
export const pack: Rule = {
  policy: "pack-1",
  byUsage: true,
  byLikeness: true,
  compare: comparePack,
  shares: <C extends Candidate>(candidates: readonly C[], need: number, nodesLimit: number): Share<C>[] => {
    let left = Math.max(0, need);
    return tiersOf(candidates.toSorted(comparePack)).flatMap((tier) => {
      const shares = cheapestPlaces(tier, { need: left, nodesLimit }, (one, more) => -alikeBefore(one, more));
      left -= shares.reduce((sum, { placed }) => sum + placed, 0);
      return shares;
    });
  },
};

/** Nodes in order, apart where those after them only come when they have no room: each empty node is one of its own. */
function tiersOf<C extends Candidate>(ordered: readonly C[]): C[][] {
  const tiers: C[][] = [];
  for (const one of ordered) {
    const [last] = tiers.at(-1) ?? [];
    if (last && isInUse(last) && compareTiers(last, one) === 0) tiers.at(-1)?.push(one);
    else tiers.push([one]);
  }
  return tiers;
}
