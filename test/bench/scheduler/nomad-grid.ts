import { Fleet, type Wanted } from "./fleet.ts";
import { elapsedMs } from "./timing.ts";

/** One cell of Nomad's benchmark grid. */
export type GridCell = {
  nodes: number;
  racks: number;
  workloads: number;
  /** Workloads that found a place: all. */
  placed: number;
  /** Placements a second of a job without conditions, with half the racks eligible, and with a spread over them, too. */
  plain: number;
  eligible: number;
  spread: number;
};

/** Where the grid comes from. */
export const gridSource =
  "Nomad's own scheduler benchmarks: nodes, racks, job sizes, and 6,000 MHz and MiB on 32,000";

const machine = { cpu: 32, memoryMib: 32_000 };
const resources = { cpu: 6, memoryMib: 6_000 };

export const fullGrid = {
  nodes: [500, 1_000, 5_000, 10_000],
  racks: [25, 50, 75],
  workloads: [50, 300, 600, 900, 1_200],
};

/** Places each job of the grid on an empty pod by whole passes, their decisions folded; the best of `rounds`. */
export function nomadGrid(
  grid: typeof fullGrid,
  rounds: number,
  tell: (cell: GridCell, done: number, all: number) => void = () => undefined,
): GridCell[] {
  const all = grid.nodes.length * grid.racks.length * grid.workloads.length;
  const cells: GridCell[] = [];
  for (const nodes of grid.nodes)
    for (const racks of grid.racks)
      for (const workloads of grid.workloads) {
        const half = Array.from({ length: Math.ceil(racks / 2) }, (_, rack) => `r${rack}`);
        const constraints: Wanted["filter"] = { constraints: [{ label: "rack", op: "in", values: half }] };
        const run = (filter: Wanted["filter"]) =>
          placedPerSecond(nodes, racks, { workloads, filter, rounds });
        const plain = run({});
        const eligible = run(constraints);
        const spread = run({ ...constraints, spread: { label: "rack" } });
        const cell = {
          ...{ nodes, racks, workloads },
          placed: Math.min(plain.placed, eligible.placed, spread.placed),
          ...{ plain: plain.rate, eligible: eligible.rate, spread: spread.rate },
        };
        cells.push(cell);
        tell(cell, cells.length, all);
      }
  return cells;
}

function placedPerSecond(
  nodes: number,
  racks: number,
  { workloads, filter, rounds }: { workloads: number; filter: Wanted["filter"]; rounds: number },
): { rate: number; placed: number } {
  let best = { rate: 0, placed: 0 };
  for (let round = 0; round < rounds; round++) {
    const fleet = new Fleet().nodes(nodes, machine, (n) => ({
      rack: `r${n % racks}`,
      datacenter: n % 2 === 0 ? "dc1" : "dc2",
    }));
    fleet.request({ count: workloads, resources, ...(filter && { filter }) });
    let placed = 0;
    const ms = elapsedMs(() => {
      placed = fleet.passes();
    });
    const rate = Math.round((placed / ms) * 1_000);
    if (rate > best.rate) best = { rate, placed };
  }
  return best;
}
