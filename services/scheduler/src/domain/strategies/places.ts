import { byName, type Candidate, limited, type Share } from "./candidate.ts";

/**
 * What the place of the `more`-th workload on a node costs, 1 for the first; it never falls as `more` grows and is the same
 * for the same arguments.
 */
export type Cost<C extends Candidate> = (candidate: C, more: number) => number;

type Room<C extends Candidate> = { candidate: C; most: number };

/**
 * One workload after the other takes the cheapest place that is left, on a tie on the first node by name. Since places
 * only become dearer, that is every place below some threshold and, by name, as many as are left of those exactly at it.
 * The threshold is searched, so the work grows with the nodes and hardly with `need`.
 */
export function cheapestPlaces<C extends Candidate>(
  candidates: readonly C[],
  { need, nodesLimit }: { need: number; nodesLimit: number },
  cost: Cost<C>,
): Share<C>[] {
  const rooms = candidates
    .map((candidate) => ({ candidate, most: Math.min(need, limited(candidate, nodesLimit)) }))
    .sort((a, b) => byName(a.candidate, b.candidate));
  const total = rooms.reduce((sum, { most }) => sum + most, 0);
  if (total <= need) return rooms.map(({ candidate, most }) => ({ candidate, placed: most }));
  const { below, at } = need === 1 ? cheapest(rooms, cost) : threshold(rooms, need, cost);
  const shares = rooms.map((room) => ({
    candidate: room.candidate,
    placed: below === undefined ? 0 : placesUpTo(room, below, cost),
  }));
  let left = need - shares.reduce((sum, { placed }) => sum + placed, 0);
  for (const [index, room] of rooms.entries()) {
    const share = shares[index];
    if (!share || left === 0) continue;
    const more = Math.min(left, placesUpTo(room, at, cost) - share.placed);
    share.placed += more;
    left -= more;
  }
  return shares;
}

type Threshold = { below: number | undefined; at: number };

/** The threshold for one workload. */
const cheapest = <C extends Candidate>(rooms: readonly Room<C>[], cost: Cost<C>): Threshold => ({
  below: undefined,
  at: rooms.reduce(
    (least, { candidate, most }) => (most > 0 ? Math.min(least, cost(candidate, 1)) : least),
    Infinity,
  ),
});

/**
 * The smallest cost `at` up to which there are enough places, and a smaller one, `below`, with no place in between. Ends
 * when no number lies between the two any more, so that equal places are told from nearly equal ones.
 */
function threshold<C extends Candidate>(rooms: readonly Room<C>[], need: number, cost: Cost<C>): Threshold {
  const suffices = (most: number): boolean => {
    let places = 0;
    for (const room of rooms) {
      places += placesUpTo(room, most, cost);
      if (places >= need) return true;
    }
    return false;
  };
  const open = rooms.filter(({ most }) => most > 0);
  let below = open.reduce((least, { candidate }) => Math.min(least, cost(candidate, 1)), Infinity);
  let at = open.reduce((top, { candidate, most }) => Math.max(top, cost(candidate, most)), below);
  if (suffices(below)) return { below: undefined, at: below };
  for (;;) {
    const middle = below + (at - below) / 2;
    if (middle <= below || middle >= at) return { below, at };
    if (suffices(middle)) at = middle;
    else below = middle;
  }
}

/** How many of the node's places cost no more than `limit`. */
function placesUpTo<C extends Candidate>({ candidate, most }: Room<C>, limit: number, cost: Cost<C>): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (cost(candidate, middle) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
