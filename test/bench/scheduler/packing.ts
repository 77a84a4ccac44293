import type { Resources, Strategy } from "@eru/events";
import { Fleet } from "./fleet.ts";
import { mulberry32 } from "./mulberry32.ts";

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
  "seeded synthetic sets (mulberry32), measured beside first fit, best fit, dot product, L2 norm and the scores of Nomad and Kubernetes; recorded traces are not in this repository: --openb <folder> reads one";

/** Cores in thousandths, memory and storage in MiB. */
export type Item = readonly [milli: number, memoryMib: number, storageMib: number];

/** What comes one by one, and the node it is packed on. */
export type PackingSet = {
  set: string;
  items: readonly Item[];
  machine: Item;
  /** The best ratio of the known online heuristics. */
  best: number;
};

const machine: Item = [1_000, 1_000, 1_000];

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
export function lowerBound(items: readonly Item[], on: Item = machine): number {
  const by = [0, 1, 2].map((kind) => {
    const size = on[kind] ?? 0;
    if (size === 0) return 0;
    const amounts = items.map((item) => item[kind] ?? 0);
    const sum = amounts.reduce((all, one) => all + one, 0);
    return Math.max(Math.ceil(sum / size), amounts.filter((one) => one > size / 2).length);
  });
  return Math.max(...by);
}

/** The two published sets that are made from a seed. */
export const seededSets = (items: number): PackingSet[] => [
  { set: "uniform, 3 kinds", items: uniform(items, 42), machine, best: 1.0647 },
  { set: "complementary, 2 kinds", items: complementary(items, 7), machine, best: 1.0866 },
];

/** Packs each set with each strategy; a node is added when nothing fits any more. */
export function packing(sets: readonly PackingSet[], strategies: readonly Strategy[]): Packing[] {
  return sets.flatMap((one) => {
    const { set, items, best } = one;
    const bound = lowerBound(items, one.machine);
    return strategies.map((strategy) => {
      const nodes = nodesFor(one, strategy);
      const ratio = Number((nodes / bound).toFixed(4));
      return { set, strategy, items: items.length, nodes, bound, ratio, best };
    });
  });
}

/** Requests item after item, each placed by a whole pass. */
function nodesFor({ items, machine: of }: PackingSet, strategy: Strategy): number {
  const [milli, memoryMib, storageMib] = of;
  const node = { cpu: milli / 1_000, memoryMib, storageMib };
  const fleet = new Fleet();
  for (const item of items) {
    const wanted = { count: 1, resources: resourcesOf(item), strategy };
    if (!fleet.hasRoom(wanted)) fleet.nodes(1, node);
    fleet.request(wanted);
    if (fleet.passes() !== 1) throw new Error("an item fits on no node");
  }
  return fleet.zone.nodes.size;
}

/** What an item asks for. */
const resourcesOf = ([milli, memoryMib, storageMib]: Item): Resources => ({
  cpu: milli / 1_000,
  memoryMib,
  ...(storageMib > 0 && { storageMib }),
});
