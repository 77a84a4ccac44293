import type { Granted, NodeResources } from "@eru/events";
import { type Demand, milliOf } from "../demand.ts";

type Numa = { id: string; cores: ReadonlySet<string>; size: number };

/** The cores of a machine; machines that are alike share one. */
type Machine = {
  /** Pieces of each core. */
  cores: ReadonlyMap<string, number>;
  numa: readonly Numa[];
  /** -1: as many as there are. */
  cutCoresMax: number;
  /** Equal for machines that are alike. */
  signature: string;
};

/** Cores of a node: all of them as a number, and each with its pieces for what is bound. */
export type CpuFree = {
  size: number;
  booked: number;
  machine: Machine;
  /** Pieces that are booked, of cores with any; also of cores that the node no longer has. */
  boundTo: ReadonlyMap<string, number>;
  /** Memory that is booked, of NUMA nodes with any. */
  numaMib: ReadonlyMap<string, number>;
  /** The same for nodes of which the same cores can be had; found when it is asked for. */
  alike: Alike | undefined;
};

/** Nodes of which the same cores can be had, and the plans for their cores that were made. */
type Alike = { plans: Map<string, readonly Plan[]> };

/** Which cores one workload gets. */
export type Plan = { cores: Readonly<Record<string, number>>; numa?: string };

/** What is bound of a node, shared by nodes that are alike: another one takes its place, it is not written to. */
type Bound = Pick<CpuFree, "boundTo" | "numaMib" | "alike">;

/** Machines that were told last. */
const machines = new Map<string, Machine>();
const machinesMax = 1_024;

function machineOf({ cores: named = {}, numa = [], cutCoresMax = -1 }: NodeResources): Machine {
  const signature = JSON.stringify([named, numa, cutCoresMax]);
  const known = machines.get(signature);
  if (known) return known;
  if (machines.size >= machinesMax) machines.clear();
  const made: Machine = {
    cores: new Map(Object.entries(named)),
    // Sorted: the same node gives the same plan.
    numa: numa
      .map((one) => ({ id: one.id, cores: new Set(one.cores), size: one.memoryMib }))
      .sort((a, b) => Number(a.id) - Number(b.id)),
    cutCoresMax,
    signature,
  };
  machines.set(signature, made);
  return made;
}

/** A node on which nothing is booked. */
export function open(node: NodeResources): CpuFree {
  return {
    size: milliOf(node.cpu),
    booked: 0,
    machine: machineOf(node),
    boundTo: new Map(),
    numaMib: new Map(),
    alike: undefined,
  };
}

/** The same, to be booked on by itself. */
export const copyOf = (free: CpuFree): CpuFree => ({ ...free });

/** Free pieces of each core. */
export const leftOf = ({ machine: { cores }, boundTo }: CpuFree): Map<string, number> =>
  boundTo.size === 0
    ? new Map(cores)
    : new Map([...cores].map(([core, size]) => [core, size - (boundTo.get(core) ?? 0)]));

/** Of the nodes that were asked about last, those that are alike. */
const alikes = new Map<string, Alike>();
const alikesMax = 4_096;

/** What the plans for a node follow from beside the demand, the same for nodes that are alike. */
export function alikeTo(free: CpuFree): Alike {
  if (free.alike) return free.alike;
  const { machine, boundTo, numaMib } = free;
  const signature = `${machine.signature} ${bookedText(boundTo)} ${bookedText(numaMib)}`;
  if (alikes.size >= alikesMax) alikes.clear();
  free.alike = alikes.get(signature) ?? { plans: new Map() };
  alikes.set(signature, free.alike);
  return free.alike;
}

/** The same for the same amounts, in whatever order they were booked. */
const bookedText = (booked: ReadonlyMap<string, number>): string =>
  booked.size === 0 ? "" : JSON.stringify([...booked].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Books `many` workloads with the same cores. */
export function book(free: CpuFree, demand: Demand, granted: Granted, many: number): void {
  free.booked += demand.milli * many;
  if (granted.cores) Object.assign(free, bound(free, demand, [granted], many));
}

/** What is bound after the same was booked on a node that was alike. */
const after = new WeakMap<readonly Granted[], { before: Alike; mib: number; bound: Bound }>();

/** Books one workload for each of `all`. Of nodes that are alike only the first one costs more than a look. */
export function bookAll(free: CpuFree, demand: Demand, all: readonly Granted[]): void {
  free.booked += demand.milli * all.length;
  const before = alikeTo(free);
  const known = after.get(all);
  if (known?.before === before && known.mib === demand.mib) {
    Object.assign(free, known.bound);
    return;
  }
  Object.assign(free, bound(free, demand, all, 1));
  const { boundTo, numaMib } = free;
  after.set(all, { before, mib: demand.mib, bound: { boundTo, numaMib, alike: alikeTo(free) } });
}

function bound(free: CpuFree, { mib }: Demand, all: readonly Granted[], many: number): Bound {
  const boundTo = new Map(free.boundTo);
  const numaMib = new Map(free.numaMib);
  for (const { cores, numa } of all) {
    for (const core in cores) add(boundTo, core, (cores[core] ?? 0) * many);
    if (cores && numa !== undefined) add(numaMib, numa, mib * many);
  }
  return { boundTo, numaMib, alike: undefined };
}

function add(to: Map<string, number>, key: string, change: number): void {
  const sum = (to.get(key) ?? 0) + change;
  if (sum === 0) to.delete(key);
  else to.set(key, sum);
}
