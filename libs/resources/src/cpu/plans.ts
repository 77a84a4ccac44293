import { piecesPerCore } from "@eru/events";
import type { Demand } from "../demand.ts";
import { times } from "../kind.ts";
import { planCores } from "./bind.ts";
import { alikeTo, type CpuFree, leftOf, type Plan } from "./free.ts";

/** Demands of which the plans are kept for nodes that are alike. */
const plansMax = 64;

/** One plan for each workload that fits. Nodes of which the same is left share them: they are not to be written to. */
export function plans(free: CpuFree, demand: Demand, held: readonly string[]): readonly Plan[] {
  if (held.length > 0) return makePlans(free, demand, held);
  const { plans: made } = alikeTo(free);
  // Memory counts for the cores of a NUMA node alone.
  const key = free.machine.numa.length > 0 ? `${demand.pieces} ${demand.mib}` : `${demand.pieces}`;
  const known = made.get(key);
  if (known) return known;
  if (made.size >= plansMax) made.clear();
  const all = makePlans(free, demand, held);
  made.set(key, all);
  return all;
}

const firstOnes = new WeakMap<readonly Plan[], Map<number, readonly Plan[]>>();

/** The first plans of a list: the same list for the same question, so that what follows from it is known, too. */
export function firstPlans(all: readonly Plan[], many: number): readonly Plan[] {
  if (many === all.length) return all;
  const known = firstOnes.get(all) ?? new Map<number, readonly Plan[]>();
  firstOnes.set(all, known);
  const first = known.get(many) ?? all.slice(0, many);
  known.set(many, first);
  return first;
}

/** NUMA node after NUMA node, each with its own memory; then whatever is left, across them. */
function makePlans(free: CpuFree, demand: Demand, held: readonly string[]): Plan[] {
  const left = leftOf(free);
  const { numa: numaNodes, cutCoresMax } = free.machine;
  const wish = { pieces: demand.pieces, shareBase: piecesPerCore, maxShare: cutCoresMax, held };
  const found: Plan[] = [];
  const take = (names: Iterable<string>, most: number, numa?: string): void => {
    const some = [...names].map((core) => ({ core, pieces: left.get(core) ?? 0 }));
    for (const plan of planCores(some, wish).slice(0, most)) {
      for (const [core, pieces] of Object.entries(plan)) left.set(core, (left.get(core) ?? 0) - pieces);
      found.push({ cores: plan, ...(numa !== undefined && { numa }) });
    }
  };
  for (const { id, cores: own, size } of numaNodes)
    take(own, times(size - (free.numaMib.get(id) ?? 0), demand.mib, Number.MAX_SAFE_INTEGER), id);
  take(left.keys(), Number.MAX_SAFE_INTEGER);
  return held.length > 0 ? found.toSorted((a, b) => kept(b, held) - kept(a, held)) : found;
}

/** How many of the cores held before a plan has. */
const kept = ({ cores: planned }: Plan, held: readonly string[]): number =>
  held.reduce((sum, core) => sum + (core in planned ? 1 : 0), 0);
