import { type Granted, type NodeResources, piecesPerCore } from "@eru/events";
import { type Demand, milliOf } from "../demand.ts";
import type { EngineOrder, EngineSettings } from "../engine.ts";
import { type Lack, type Line, type Load, type ResourceKind, times } from "../kind.ts";
import { cores, coresNoun } from "../text.ts";
import { planCores } from "./bind.ts";

type Core = { size: number; booked: number };
type Numa = { id: string; cores: ReadonlySet<string>; size: number; booked: number };

/** Cores of a node: all of them as a number, and each with its pieces for what is bound. */
export type CpuFree = {
  size: number;
  booked: number;
  cores: Map<string, Core>;
  numa: Numa[];
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
    cores: new Map([...free.cores].map(([id, core]) => [id, { ...core }])),
    numa: free.numa.map((one) => ({ ...one })),
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
  choose: (free, demand, many, held) => {
    if (demand.pieces === 0) return undefined;
    return plans(free, demand, Object.keys(held?.cores ?? {})).slice(0, many);
  },
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
    cores: new Map(Object.entries(named).map(([id, size]) => [id, { size, booked: 0 }])),
    // Sorted: the same node gives the same plan.
    numa: numa
      .map((one) => ({ id: one.id, cores: new Set(one.cores), size: one.memoryMib, booked: 0 }))
      .sort((a, b) => Number(a.id) - Number(b.id)),
    cutCoresMax,
  };
}

/** NUMA node after NUMA node, each with its own memory; then whatever is left, across them. */
function plans(free: CpuFree, demand: Demand, held: readonly string[]): Plan[] {
  const left = new Map([...free.cores].map(([core, { size, booked }]) => [core, size - booked]));
  const wish = { pieces: demand.pieces, shareBase: piecesPerCore, maxShare: free.cutCoresMax, held };
  const found: Plan[] = [];
  const take = (names: Iterable<string>, most: number, numa?: string): void => {
    const some = [...names].map((core) => ({ core, pieces: left.get(core) ?? 0 }));
    for (const plan of planCores(some, wish).slice(0, most)) {
      for (const [core, pieces] of Object.entries(plan)) left.set(core, (left.get(core) ?? 0) - pieces);
      found.push({ cores: plan, ...(numa !== undefined && { numa }) });
    }
  };
  for (const { id, cores: own, size, booked } of free.numa)
    take(own, times(size - booked, demand.mib, Number.MAX_SAFE_INTEGER), id);
  take(left.keys(), Number.MAX_SAFE_INTEGER);
  return held.length > 0 ? found.toSorted((a, b) => kept(b, held) - kept(a, held)) : found;
}

/** How many of the cores held before a plan has. */
const kept = ({ cores: planned }: Plan, held: readonly string[]): number =>
  held.reduce((sum, core) => sum + (core in planned ? 1 : 0), 0);

function book(free: CpuFree, demand: Demand, granted: Granted, many: number): void {
  free.booked += demand.milli * many;
  for (const [core, pieces] of Object.entries(granted.cores ?? {})) {
    const one = free.cores.get(core);
    // A core that the node no longer has is remembered as oversold until it is given back.
    if (one) one.booked += pieces * many;
    else free.cores.set(core, { size: 0, booked: pieces * many });
  }
  const numa = free.numa.find(({ id }) => id === granted.numa);
  if (numa) numa.booked += demand.mib * many;
}

function freeOfCores({ cores: all }: CpuFree): string {
  if (all.size === 0) return "the node has not said which cores it has";
  const left = [...all.values()].map(({ size, booked }) => size - booked);
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

function lines({ size, booked, cores: all, numa }: CpuFree): Line[] {
  return [
    { kind: "cpu", name: "cpu", unit: "cores", size: size / 1000, booked: booked / 1000 },
    ...[...all].map(([core, one]): Line => ({ kind: "cpu", name: `core ${core}`, unit: "pieces", ...one })),
    ...numa.map(
      (one): Line => ({
        kind: "cpu",
        name: `memory of NUMA node ${one.id}`,
        unit: "MiB",
        size: one.size,
        booked: one.booked,
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
export function sharedCores({ cores: all }: CpuFree): string[] {
  if (![...all.values()].some(({ booked }) => booked > 0)) return [];
  return [...all]
    .filter(([, { size, booked }]) => size - booked >= piecesPerCore)
    .map(([core]) => core)
    .sort((a, b) => Number(a) - Number(b));
}
