// How fast and how well the scheduler plans, without a log: Eru's own cases, Nomad's grid, kube-scheduler's shapes, and how
// the time grows with nodes and with what runs already, and how many nodes each strategy needs.
//   node test/bench/scheduler.ts [eru,nomad,kube,scaling,packing,saturation] [--openb <folder with the openb trace>]
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { kubeShapes, kubeSource } from "./scheduler/kube-shapes.ts";
import { fullGrid, gridSource, nomadGrid } from "./scheduler/nomad-grid.ts";
import { openbSets } from "./scheduler/openb.ts";
import { packing, packingSource, seededSets } from "./scheduler/packing.ts";
import { eruSource, plannerCases } from "./scheduler/planner-cases.ts";
import { saturate, saturationSource } from "./scheduler/saturation.ts";
import { scaling } from "./scheduler/scaling.ts";

const { positionals, values } = parseArgs({ allowPositionals: true, options: { openb: { type: "string" } } });
const parts = (positionals[0] ?? "eru,nomad,kube,scaling,packing,saturation").split(",");
const sharing = ["pack", "drained", "global", "auto"] as const;
const loadBefore = loadavg();
const figures: Record<string, unknown> = {};

/** Prints a part as a table and keeps it for the JSON. */
function show(part: string, source: string, rows: readonly object[]): void {
  console.log(`\n${source}`);
  console.table(rows);
  figures[part] = { source, rows };
}

if (parts.includes("eru"))
  show(
    "eru",
    `Eru's planner cases, milliseconds; Eru's figures: ${eruSource}`,
    plannerCases(10_000, 15).map(({ timing, ...rest }) => ({ ...rest, ...timing })),
  );
if (parts.includes("nomad"))
  show(
    "nomad",
    `Nomad's grid, placements a second; ${gridSource}; half: the lower of the two as a part of plain`,
    nomadGrid(fullGrid, 3, ({ nodes, racks, workloads }, done, all) =>
      console.error(`${done} of ${all}: ${workloads} workloads on ${nodes} nodes in ${racks} racks`),
    ).map((cell) => ({
      ...cell,
      ofPlain: Number((Math.min(cell.eligible, cell.spread) / cell.plain).toFixed(2)),
    })),
  );
if (parts.includes("kube"))
  show(
    "kube",
    `kube-scheduler's shapes, placements a second; its figures: ${kubeSource}`,
    kubeShapes({ nodes: 5_000, workloads: 4_000 }),
  );
if (parts.includes("scaling"))
  show("scaling", "Placing a thousand more, by nodes and by what runs already", [
    ...scaling(
      [1_250, 2_500, 5_000, 10_000, 20_000].map((nodes) => ({ nodes, before: 10_000 })),
      11,
    ),
    ...scaling(
      [10_000, 100_000, 1_000_000].map((before) => ({ nodes: 5_000, before })),
      11,
    ),
  ]);
if (parts.includes("packing"))
  show(
    "packing",
    `Nodes for workloads that come one by one, against the least that could hold them; ${packingSource}`,
    packing([...seededSets(10_000), ...(values.openb ? openbSets(values.openb) : [])], sharing),
  );
if (parts.includes("saturation")) show("saturation", saturationSource, saturate(600, sharing));
console.log(
  JSON.stringify({
    processors: availableParallelism(),
    load: { before: loadBefore, after: loadavg() },
    ...figures,
  }),
);
