import { piecesPerCore } from "@eru/events";
import { type Demand, milliOf } from "../demand.ts";
import type { EngineOrder, EngineSettings } from "../engine.ts";
import { type Lack, type Line, type Load, type ResourceKind, times } from "../kind.ts";
import { cores, coresNoun } from "../text.ts";
import { book, bookAll, type CpuFree, copyOf, leftOf, open } from "./free.ts";
import { firstPlans, plans } from "./plans.ts";

/**
 * Cores. Every workload books a number of them; a node has as many as its user says, so that overselling is a number
 * above its real cores, for all to see. A bound one also books pieces of named cores, for itself.
 */
export const cpu: ResourceKind<CpuFree> = {
  name: "cpu",
  asks: ({ milli }) => milli > 0,
  open,
  copy: copyOf,
  kept: (free) => ({ ...free, alike: undefined }),
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
  choose: (free, demand, many, held) => firstPlans(plans(free, demand, Object.keys(held?.cores ?? {})), many),
  book,
  bookAll,
  load: ({ size, booked }, { milli }): Load => ({ size, booked, each: milli }),
  // Eru's weights: where cores are bound they are what is scarce.
  weight: ({ pieces }) => (pieces > 0 ? 100 : 1),
  lines,
  engine,
};

function freeOfCores(free: CpuFree): string {
  const { cores: all } = free.machine;
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

function lines({ size, booked, machine: { cores: all, numa }, boundTo, numaMib }: CpuFree): Line[] {
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
