import { type Granted, type NodeResources, piecesPerCore } from "@eru/events";
import { type Demand, milliOf } from "../demand.ts";
import type { EngineOrder, EngineSettings } from "../engine.ts";
import { type Lack, type Line, type Load, type ResourceKind, times } from "../kind.ts";
import { cores, coresNoun } from "../text.ts";
import { type BindRequest, type CorePlan, type FreeCore, planCores } from "./bind.ts";

type Numa = { id: string; cores: ReadonlySet<string>; size: number };

/** Cores of a node: all of them as a number, and each with its pieces for what is bound. */
export type CpuFree = {
  size: number;
  booked: number;
  /** Pieces of each core. */
  cores: ReadonlyMap<string, number>;
  numa: readonly Numa[];
  /** Pieces that are booked, of cores with any; also of cores that the node no longer has. */
  boundTo: Map<string, number>;
  /** Memory that is booked, of NUMA nodes with any. */
  numaMib: Map<string, number>;
  /** -1: as many as there are. */
  cutCoresMax: number;
};

/** Which cores one workload gets. */
type Plan = { cores: Readonly<Record<string, number>>; numa?: string };

/**
 * Cores. Every workload books a number of them; a node has as many as its user says, so that overselling is a number
 * above its real cores, for all to see. A bound one also books pieces of named cores, for itself.
 */
export const cpu: ResourceKind<CpuFree> = {
  name: "cpu",
  asks: ({ milli }) => milli > 0,
  open,
  copy: (free) => ({
    ...free,
    boundTo: new Map(free.boundTo),
    numaMib: new Map(free.numaMib),
  }),
  room: (free, demand, most) => {
    const byNumber = times(free.size - free.booked, demand.milli, most);
    return demand.pieces === 0 || byNumber === 0
      ? byNumber
      : Math.min(byNumber, plans(free, demand, []).length);
  },
  why: (free, demand) => {
    const left = free.size - free.booked;
    if (demand.pieces === 0 || left < demand.milli)
      return `cpu: ${cores(demand.milli)} wanted, ${cores(Math.max(0, left))} of ${cores(free.size)} free`;
    return `cpu: ${cores(demand.milli)} bound wanted, ${freeOfCores(free)}`;
  },
  lacks,
  chooses: ({ pieces }) => pieces > 0,
  choose: (free, demand, many, held) => plans(free, demand, Object.keys(held?.cores ?? {})).slice(0, many),
  book,
  load: ({ size, booked }, { milli }): Load => ({ size, booked, each: milli }),
  // Eru's weights: where cores are bound they are what is scarce.
  weight: ({ pieces }) => (pieces > 0 ? 100 : 1),
  lines,
  engine,
};

function open({ cpu: count, cores: named = {}, numa = [], cutCoresMax = -1 }: NodeResources): CpuFree {
  return {
    size: milliOf(count),
    booked: 0,
    cores: new Map(Object.entries(named)),
    boundTo: new Map(),
    numaMib: new Map(),
    // Sorted: the same node gives the same plan.
    numa: numa
      .map((one) => ({ id: one.id, cores: new Set(one.cores), size: one.memoryMib }))
      .sort((a, b) => Number(a.id) - Number(b.id)),
    cutCoresMax,
  };
}

/** Free pieces of each core. */
const leftOf = ({ cores: all, boundTo }: CpuFree): Map<string, number> =>
  boundTo.size === 0
    ? new Map(all)
    : new Map([...all].map(([core, size]) => [core, size - (boundTo.get(core) ?? 0)]));

/** NUMA node after NUMA node, each with its own memory; then whatever is left, across them. */
function plans(free: CpuFree, demand: Demand, held: readonly string[]): Plan[] {
  const left = leftOf(free);
  const wish = { pieces: demand.pieces, shareBase: piecesPerCore, maxShare: free.cutCoresMax, held };
  const found: Plan[] = [];
  const take = (names: Iterable<string>, most: number, numa?: string): void => {
    const some = [...names].map((core) => ({ core, pieces: left.get(core) ?? 0 }));
    for (const plan of plansFor(some, wish).slice(0, most)) {
      for (const [core, pieces] of Object.entries(plan)) left.set(core, (left.get(core) ?? 0) - pieces);
      found.push({ cores: plan, ...(numa !== undefined && { numa }) });
    }
  };
  for (const { id, cores: own, size } of free.numa)
    take(own, times(size - (free.numaMib.get(id) ?? 0), demand.mib, Number.MAX_SAFE_INTEGER), id);
  take(left.keys(), Number.MAX_SAFE_INTEGER);
  return held.length > 0 ? found.toSorted((a, b) => kept(b, held) - kept(a, held)) : found;
}

/** Plans that were made last. Machines are alike, and one that is empty is asked about for every deployment. */
const made = new Map<string, readonly CorePlan[]>();
const madeMax = 512;

/** The plans for these cores, from memory when the same was asked before: the same arguments give the same plans. */
function plansFor(free: readonly FreeCore[], wish: BindRequest): readonly CorePlan[] {
  const cores = free.map(({ core, pieces }) => `${core}:${pieces}`).join();
  const key = `${wish.pieces} ${wish.maxShare} ${wish.held?.join() ?? ""} ${cores}`;
  const known = made.get(key);
  if (known) return known;
  if (made.size >= madeMax) made.clear();
  const plans = planCores(free, wish);
  made.set(key, plans);
  return plans;
}

/** How many of the cores held before a plan has. */
const kept = ({ cores: planned }: Plan, held: readonly string[]): number =>
  held.reduce((sum, core) => sum + (core in planned ? 1 : 0), 0);

function book(free: CpuFree, demand: Demand, granted: Granted, many: number): void {
  free.booked += demand.milli * many;
  if (!granted.cores) return;
  for (const [core, pieces] of Object.entries(granted.cores)) add(free.boundTo, core, pieces * many);
  if (granted.numa !== undefined) add(free.numaMib, granted.numa, demand.mib * many);
}

function add(to: Map<string, number>, key: string, change: number): void {
  const sum = (to.get(key) ?? 0) + change;
  if (sum === 0) to.delete(key);
  else to.set(key, sum);
}

function freeOfCores(free: CpuFree): string {
  const { cores: all } = free;
  if (all.size === 0) return "the node has not said which cores it has";
  const left = [...leftOf(free).values()];
  const whole = left.filter((pieces) => pieces >= piecesPerCore).length;
  const cut = left.filter((pieces) => pieces > 0 && pieces < piecesPerCore);
  const most = cut.reduce((max, pieces) => Math.max(max, pieces), 0);
  return `${whole} whole of ${all.size} cores free${most > 0 ? `, at most 0.${String(most).padStart(2, "0")} on one of ${cut.length} others` : ""}`;
}

function lacks(free: CpuFree, demand: Demand): Lack | undefined {
  const missing = demand.milli - (free.size - free.booked);
  if (missing > 0) {
    return {
      text: `${cores(missing)} more ${missing === 1000 ? "core" : "cores"}`,
      part: missing / demand.milli,
    };
  }
  if (demand.pieces === 0 || plans(free, demand, []).length > 0) return undefined;
  return { text: `${coresNoun(demand.milli)} to be bound`, part: 1 };
}

function lines({ size, booked, cores: all, boundTo, numa, numaMib }: CpuFree): Line[] {
  const gone = [...boundTo.keys()]
    .filter((core) => !all.has(core))
    .map((core): [string, number] => [core, 0]);
  return [
    { kind: "cpu", name: "cpu", unit: "cores", size: size / 1000, booked: booked / 1000 },
    ...[...all, ...gone].map(
      ([core, pieces]): Line => ({
        kind: "cpu",
        name: `core ${core}`,
        unit: "pieces",
        size: pieces,
        booked: boundTo.get(core) ?? 0,
      }),
    ),
    ...numa.map(
      ({ id, size: mib }): Line => ({
        kind: "cpu",
        name: `memory of NUMA node ${id}`,
        unit: "MiB",
        size: mib,
        booked: numaMib.get(id) ?? 0,
      }),
    ),
  ];
}

/** The kernel's own weight of a whole core. */
const sharesPerCore = 1024;
const nanosPerCore = 1e9;

/**
 * A bound one has its cores without a quota, and of the one it shares its fraction by weight. One that is not bound has a
 * quota and runs on the cores that are not taken; with a bound above its booking it gets its booking by weight.
 */
function engine({ resources, granted, sharedCores: shared }: EngineOrder): EngineSettings {
  const { cpu: booked, cpuLimit = booked } = resources;
  if (granted.cores) {
    const fraction = milliOf(booked) % 1000;
    return {
      CpusetCpus: inOrder(Object.keys(granted.cores)),
      ...(granted.numa !== undefined && { CpusetMems: granted.numa }),
      ...(fraction > 0 && { CpuShares: Math.max(2, Math.round((sharesPerCore * fraction) / 1000)) }),
    };
  }
  return {
    ...(cpuLimit > 0 && { NanoCpus: Math.round(cpuLimit * nanosPerCore) }),
    ...(cpuLimit !== booked && booked > 0 && { CpuShares: Math.max(2, Math.round(sharesPerCore * booked)) }),
    ...(shared.length > 0 && { CpusetCpus: inOrder(shared) }),
  };
}

const inOrder = (ids: readonly string[]): string => ids.toSorted((a, b) => Number(a) - Number(b)).join(",");

/**
 * The cores for the workloads of a node that are not bound: those with a whole core free. None: there is no such core, or
 * nothing is bound, so they use all.
 */
export function sharedCores(free: CpuFree): string[] {
  if (free.boundTo.size === 0) return [];
  return [...leftOf(free)]
    .filter(([, pieces]) => pieces >= piecesPerCore)
    .map(([core]) => core)
    .sort((a, b) => Number(a) - Number(b));
}
