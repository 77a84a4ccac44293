import type { Strategy } from "@eru/events";
import { Fleet } from "./fleet.ts";
import { mulberry32 } from "./mulberry32.ts";

/** What a fleet of a fixed size takes when more is asked for than it has. */
export type Saturation = {
  strategy: Strategy;
  nodes: number;
  requests: number;
  refused: number;
  /** The parts that are booked in the end. */
  cpu: number;
  memory: number;
};

/** What is measured. */
export const saturationSource =
  "A fleet of a fixed size with machines of three kinds, asked one by one, by seed, for 110 % of its cores; what does not fit is refused";

const seed = 3;
const asked = 1.1;

/** Cores and GiB of machines, in turn. */
const machines = [
  [32, 128],
  [64, 256],
  [96, 384],
] as const;

/** Cores and GiB per core of what is asked for: few sizes, as people ask, some with much memory and some with little. */
const cores = [1, 2, 4, 4, 8, 8, 16, 32] as const;
const gibPerCore = [1, 2, 4, 4, 8] as const;

/** Asks each strategy the same. */
export function saturate(nodes: number, strategies: readonly Strategy[]): Saturation[] {
  return strategies.map((strategy) => {
    const fleet = new Fleet();
    let milliLeft = 0;
    for (let n = 0; n < nodes; n++) {
      const [cpu, gib] = machines[n % machines.length] as (typeof machines)[number];
      fleet.nodes(1, { cpu, memoryMib: gib * 1_024 });
      milliLeft += cpu * 1_000 * asked;
    }
    const next = mulberry32(seed);
    const pick = (of: readonly number[]): number => of[Math.floor(next() * of.length)] ?? 1;
    let requests = 0;
    let refused = 0;
    for (; milliLeft > 0; requests++) {
      const cpu = pick(cores);
      milliLeft -= cpu * 1_000;
      const wanted = { count: 1, resources: { cpu, memoryMib: cpu * pick(gibPerCore) * 1_024 }, strategy };
      if (!fleet.hasRoom(wanted)) {
        refused++;
        continue;
      }
      fleet.request(wanted);
      fleet.passes();
    }
    return { strategy, nodes, requests, refused, ...fleet.bookedParts() };
  });
}
