import { Fleet, type Wanted } from "./fleet.ts";
import { type Timing, timing } from "./timing.ts";

/** One of Eru's own cases beside ours. */
export type PlannerCase = {
  name: string;
  nodes: number;
  workloads: number;
  /** Workloads that found a place: all. */
  placed: number;
  timing: Timing;
  /** Milliseconds that Eru's planner took, by its own figures; they are for 10,000 nodes. */
  eruMs: number;
};

/** How Eru's figures came about. */
export const eruSource =
  "Eru's white paper, benchmark.md: 10,000 nodes, one thread, a laptop of 2013 (MacBook Air, 1.3 GHz i5)";

const gib = 1024;
const cores = Object.fromEntries(Array.from({ length: 24 }, (_, core) => [String(core), 100]));
const machine = { cpu: 24, memoryMib: 128 * gib, cores };

const cases: readonly { name: string; eruMs: number; wanted: (nodes: number) => Wanted }[] = [
  {
    name: "by memory",
    eruMs: 55.9,
    wanted: (nodes) => ({ count: nodes * 1024, resources: { cpu: 0, memoryMib: 128 }, strategy: "auto" }),
  },
  {
    // One less than fits, as in Eru's case, so that the last few have to be chosen.
    name: "even spread",
    eruMs: 69.55,
    wanted: (nodes) => ({ count: nodes * 1024 - 1, resources: { cpu: 0, memoryMib: 128 }, strategy: "auto" }),
  },
  {
    name: "core-bound, 1.3 cores each",
    eruMs: 413,
    wanted: (nodes) => ({ count: nodes * 18, resources: { cpu: 1.3, memoryMib: 0, bind: true } }),
  },
];

/** Runs Eru's cases: capacity of every node, shares, parts of each workload, and all the reasons. */
export function plannerCases(nodes: number, rounds: number): PlannerCase[] {
  const fleet = new Fleet().nodes(nodes, machine);
  return cases.map(({ name, eruMs, wanted }) => {
    const asked = wanted(nodes);
    let placed = 0;
    const took = timing(rounds, () => {
      placed = fleet.forecast(asked).placed.reduce((sum, { count }) => sum + count, 0);
    });
    return { name, nodes, workloads: asked.count, placed, timing: took, eruMs };
  });
}
