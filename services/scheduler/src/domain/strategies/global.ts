import { byName, type Candidate, limited, type Rule, type Share } from "./candidate.ts";

type Room<C extends Candidate> = { candidate: C; most: number };

/**
 * Eru's GLOBAL: one workload after the other goes to the node that is least full once it is there; on a tie to the first by
 * name. A node only gets fuller, so what is chosen is the places with the smallest usage: every place below some threshold
 * and, by name, as many as are left of those exactly at it. The threshold is searched, so the cost grows with the nodes
 * and hardly with `need`. Workloads of the app that are there already do not matter.
 */
export const global: Rule = {
  policy: "global-1",
  byUsage: true,
  compare: (a, b) => a.usage(1) - b.usage(1) || byName(a, b),
  shares: <C extends Candidate>(candidates: readonly C[], need: number, nodesLimit: number): Share<C>[] => {
    const rooms = candidates
      .map((candidate) => ({ candidate, most: Math.min(need, limited(candidate, nodesLimit)) }))
      .sort((a, b) => byName(a.candidate, b.candidate));
    const total = rooms.reduce((sum, { most }) => sum + most, 0);
    if (total <= need) return rooms.map(({ candidate, most }) => ({ candidate, placed: most }));
    const { below, at } = threshold(rooms, need);
    const shares = rooms.map((room) => ({
      candidate: room.candidate,
      placed: below === undefined ? 0 : placesUpTo(room, below),
    }));
    let left = need - shares.reduce((sum, { placed }) => sum + placed, 0);
    for (const [index, room] of rooms.entries()) {
      const share = shares[index];
      if (!share || left === 0) continue;
      const more = Math.min(left, placesUpTo(room, at) - share.placed);
      share.placed += more;
      left -= more;
    }
    return shares;
  },
};

/**
 * The smallest usage `at` up to which there are enough places, and a smaller one, `below`, with no place in between. Ends
 * when no number lies between the two any more, so that equal places are told from nearly equal ones.
 */
function threshold<C extends Candidate>(
  rooms: readonly Room<C>[],
  need: number,
): { below: number | undefined; at: number } {
  const suffices = (usage: number): boolean => {
    let places = 0;
    for (const room of rooms) {
      places += placesUpTo(room, usage);
      if (places >= need) return true;
    }
    return false;
  };
  const open = rooms.filter(({ most }) => most > 0);
  let below = open.reduce((least, { candidate }) => Math.min(least, candidate.usage(1)), Infinity);
  let at = open.reduce((top, { candidate, most }) => Math.max(top, candidate.usage(most)), below);
  if (suffices(below)) return { below: undefined, at: below };
  for (;;) {
    const middle = below + (at - below) / 2;
    if (middle <= below || middle >= at) return { below, at };
    if (suffices(middle)) at = middle;
    else below = middle;
  }
}

/** How many of the node's places leave it no fuller than `usage`. */
function placesUpTo<C extends Candidate>({ candidate, most }: Room<C>, usage: number): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (candidate.usage(middle) <= usage) low = middle;
    else high = middle - 1;
  }
  return low;
}
