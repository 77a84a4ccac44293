import type { Resources, Strategy } from "@eru/events";
import { Fleet } from "./fleet.ts";

/** How many nodes a strategy needs for workloads that come one by one, against the least that could hold them. */
export type Packing = {
  set: string;
  strategy: Strategy;
  items: number;
  nodes: number;
  /** No fewer nodes can hold them all. */
  bound: number;
  ratio: number;
  /** The best ratio of the known online heuristics on the same set. */
  best: number;
};

/** Where the sets and the ratios beside ours come from. */
export const packingSource =
  "seeded synthetic sets (mulberry32), measured beside first fit, best fit, dot product, L2 norm and the scores of Nomad and Kubernetes; sets made from recorded traces are not in this repository and are not measured";

/** Cores in thousandths, memory and storage in MiB: parts of a node that has 1,000 of each. */
type Item = readonly [milli: number, memoryMib: number, storageMib: number];

const machine = { cpu: 1, memoryMib: 1_000, storageMib: 1_000 };

/** The generator that the published sets were made with. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Three amounts of 1 to 500 each. */
export function uniform(items: number, seed: number): Item[] {
  const next = mulberry32(seed);
  const amount = (): number => 1 + Math.floor(next() * 500);
  return Array.from({ length: items }, () => [amount(), amount(), amount()]);
}

/** Much of one and little of the other, up to but not including 400 and 100: half of them the other way round. */
export function complementary(items: number, seed: number): Item[] {
  const next = mulberry32(seed);
  const between = (least: number, below: number): number => least + Math.floor(next() * (below - least));
  return Array.from({ length: items }, () => {
    const swapped = next() < 0.5;
    const much = between(100, 400);
    const little = between(20, 100);
    return swapped ? [little, much, 0] : [much, little, 0];
  });
}

/** The larger of what the sums need and of the items that share a node with no other like them. */
export function lowerBound(items: readonly Item[]): number {
  const by = [0, 1, 2].map((kind) => {
    const amounts = items.map((item) => item[kind] ?? 0);
    const sum = amounts.reduce((all, one) => all + one, 0);
    return Math.max(Math.ceil(sum / 1_000), amounts.filter((one) => one > 500).length);
  });
  return Math.max(...by);
}

const sets = [
  { set: "uniform, 3 kinds", make: uniform, seed: 42, best: 1.0647 },
  { set: "complementary, 2 kinds", make: complementary, seed: 7, best: 1.0866 },
];

/** Packs each set with each strategy; a node is added when nothing fits any more. */
export function packing(items: number, strategies: readonly Strategy[]): Packing[] {
  return sets.flatMap(({ set, make, seed, best }) => {
    const all = make(items, seed);
    const bound = lowerBound(all);
    return strategies.map((strategy) => {
      const nodes = nodesFor(all, strategy);
      return { set, strategy, items, nodes, bound, ratio: Number((nodes / bound).toFixed(4)), best };
    });
  });
}

/** Requests item after item, each placed by a whole pass. */
function nodesFor(items: readonly Item[], strategy: Strategy): number {
  const fleet = new Fleet();
  for (const item of items) {
    const wanted = { count: 1, resources: resourcesOf(item), strategy };
    if (!fleet.hasRoom(wanted)) fleet.nodes(1, machine);
    fleet.request(wanted);
    if (fleet.passes() !== 1) throw new Error("an item fits on no node");
  }
  return fleet.zone.nodes.size;
}

const resourcesOf = ([milli, memoryMib, storageMib]: Item): Resources => ({
  cpu: milli / 1_000,
  memoryMib,
  ...(storageMib > 0 && { storageMib }),
});
