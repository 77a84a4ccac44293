/** A core and how many of its pieces are free. */
export type FreeCore = { core: string; pieces: number };

/** Pieces per core that one workload gets. */
export type CorePlan = Readonly<Record<string, number>>;

/** What shall be bound. */
export type BindRequest = {
  /** Pieces each workload gets: whole cores and a fragment. */
  pieces: number;
  /** Pieces of a whole core. */
  shareBase: number;
  /** Most cores that may be cut into fragments; -1: all. */
  maxShare: number;
  /** Cores a workload held before, which it shall get again. */
  held?: readonly string[];
};

/** A core with its place in the order in which cores are looked at. */
type Placed = FreeCore & { position: number };

/**
 * Eru's way to bind workloads to cores: whole cores first, a fragment on one core that is cut already rather than on a
 * whole one. Returns one plan for each workload that fits, in the order in which they are to be taken.
 */
export function planCores(
  free: readonly FreeCore[],
  { pieces, shareBase, maxShare, held = [] }: BindRequest,
): CorePlan[] {
  if (pieces <= 0) return [];
  const { whole, cut, wholes, fragment, cutAllowed } = sorted(free, { pieces, shareBase, maxShare, held });
  const planWholes = held.length > 0 ? wholePlansInOrder : wholePlans;
  if (fragment === 0) return planWholes(whole, wholes, shareBase);
  if (wholes === 0)
    return fragmentPlans([...cut, ...whole.slice(0, Math.max(0, cutAllowed - cut.length))], fragment);
  const moved = bestSplit(whole, cut, { wholes, fragment, shareBase, cutAllowed });
  const fragments = fragmentPlans([...cut, ...whole.slice(0, moved)], fragment);
  return planWholes(whole.slice(moved), wholes, shareBase)
    .slice(0, fragments.length)
    .map((plan, index) => ({ ...plan, ...fragments[index] }));
}

/** Whole and cut cores in the order in which they are taken, and what is asked of them. */
function sorted(free: readonly FreeCore[], { pieces, shareBase, maxShare, held = [] }: BindRequest) {
  const wholes = Math.floor(pieces / shareBase);
  const usable = free.filter((one) => one.pieces > 0).toSorted(busierFirst);
  const isWhole = ({ pieces: left }: FreeCore): boolean => left >= shareBase && left % shareBase === 0;
  const whole = heldFirst(usable.filter(isWhole), held);
  const cut = heldFirst(
    usable.filter((one) => !isWhole(one)),
    held,
  );
  const cutMost = whole.length + cut.length - wholes;
  const cutAllowed = maxShare === -1 ? cutMost : Math.min(cutMost, maxShare);
  return { whole, cut, wholes, fragment: pieces % shareBase, cutAllowed };
}

const slotsIn = (cores: readonly FreeCore[], fragment: number): number =>
  cores.reduce((sum, { pieces }) => sum + Math.floor(pieces / fragment), 0);

/** How many of the whole cores are best cut, so that the most workloads of whole cores and a fragment fit. */
function bestSplit(
  whole: readonly FreeCore[],
  cut: readonly FreeCore[],
  given: { wholes: number; fragment: number; shareBase: number; cutAllowed: number },
): number {
  const { wholes, fragment, shareBase, cutAllowed } = given;
  const slots = (cores: readonly FreeCore[]): number => slotsIn(cores, fragment);
  const plansWith = (moved: number): number =>
    Math.min(
      countWholePlans(whole.slice(moved), wholes, shareBase),
      slots(cut) + slots(whole.slice(0, moved)),
    );
  let best = { moved: 0, plans: plansWith(0) };
  for (let moved = 1; cut.length + moved <= cutAllowed && moved <= whole.length; moved++) {
    const plans = plansWith(moved);
    if (plans > best.plans) best = { moved, plans };
  }
  return best.moved;
}

const busierFirst = (a: FreeCore, b: FreeCore): number =>
  a.pieces - b.pieces || (a.core < b.core ? -1 : a.core > b.core ? 1 : 0);

function heldFirst(cores: readonly FreeCore[], held: readonly string[]): readonly FreeCore[] {
  if (held.length === 0) return cores;
  const kept = held.flatMap((name) => cores.find(({ core }) => core === name) ?? []);
  return [...kept, ...cores.filter(({ core }) => !held.includes(core))];
}

/** How many workloads of `wholes` different cores fit, without naming the cores. */
export function countWholePlans(cores: readonly FreeCore[], wholes: number, shareBase: number): number {
  const shares = cores.map(({ pieces }) => Math.floor(pieces / shareBase));
  let plans = Math.floor(shares.reduce((sum, share) => sum + share, 0) / wholes);
  // A core serves each workload once at most: what it has beyond the number of workloads is of no use.
  while (plans > 0 && shares.reduce((sum, share) => sum + Math.min(share, plans), 0) < plans * wholes)
    plans--;
  return plans;
}

/** Takes from the cores with the most left, so that oversold ones serve as many workloads as they can. */
function wholePlans(cores: readonly FreeCore[], wholes: number, shareBase: number): CorePlan[] {
  // Of cores that are alike the last ones are taken first, and the plan with the first cores comes first.
  if (cores.every(({ pieces }) => pieces === shareBase)) {
    const spare = cores.length % wholes;
    return wholePlansInOrder(cores.slice(spare), wholes, shareBase);
  }
  const left: Placed[] = cores.map((one, position) => ({ ...one, position }));
  const plans: { plan: CorePlan; place: number }[] = [];
  for (;;) {
    const open = left
      .filter(({ pieces }) => pieces >= shareBase)
      .sort((a, b) => b.pieces - a.pieces || b.position - a.position);
    if (open.length < wholes) break;
    const taken = open.slice(0, wholes);
    for (const one of taken) one.pieces -= shareBase;
    plans.push({
      plan: planOf(taken, shareBase),
      place: taken.reduce((sum, { position }) => sum + position, 0),
    });
  }
  return plans.toSorted((a, b) => a.place - b.place).map(({ plan }) => plan);
}

/** Takes them one after the other: the first plan has what was held. */
function wholePlansInOrder(cores: readonly FreeCore[], wholes: number, shareBase: number): CorePlan[] {
  return Array.from({ length: Math.floor(cores.length / wholes) }, (_, index) =>
    planOf(cores.slice(index * wholes, (index + 1) * wholes), shareBase),
  );
}

const planOf = (cores: readonly FreeCore[], shareBase: number): CorePlan =>
  Object.fromEntries(cores.map(({ core }) => [core, shareBase]));

/** A fragment is never split over two cores. */
const fragmentPlans = (cores: readonly FreeCore[], fragment: number): CorePlan[] =>
  cores.flatMap(({ core, pieces }) =>
    Array.from({ length: Math.floor(pieces / fragment) }, () => ({ [core]: fragment })),
  );
