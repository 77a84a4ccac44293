import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Item, PackingSet } from "./packing.ts";

/** The list of the trace that both published columns were made from. */
const file = "openb_pod_list_cpu300.csv";

const columns = ["cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "creation_time"] as const;

/**
 * The two sets of the "openb" trace (Alibaba's cluster-trace-gpu-v2023), read from a folder of the user's: it may not be
 * handed on. Thousandths of cards stand in for storage, because the trace shares cards and Eru gives out whole ones.
 */
export function openbSets(folder: string): PackingSet[] {
  const [head = "", ...lines] = readFileSync(join(folder, file), "utf8").trim().split("\n");
  const at = columns.map((name) => head.trim().split(",").indexOf(name));
  if (at.includes(-1)) throw new Error(`${file} lacks one of the columns ${columns.join(", ")}`);
  const pods = lines
    .map((line, n) => {
      const cells = line.split(",");
      const [milli = 0, mib = 0, cards = 0, part = 0, time = 0] = at.map((index) => Number(cells[index]));
      return { item: [milli, mib, cards === 1 ? part : cards * 1_000] as const satisfies Item, time, n };
    })
    .sort((a, b) => a.time - b.time || a.n - b.n)
    .map(({ item }) => item);
  return [
    {
      set: "openb, without cards",
      items: pods.filter(([, , cards]) => cards === 0),
      machine: [96_000, 384 * 1_024, 0],
      best: 1.0288,
    },
    { set: "openb, all", items: pods, machine: [128_000, 768 * 1_024, 8_000], best: 1.0385 },
  ];
}
