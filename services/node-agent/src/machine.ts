import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where the kernel tells of cores and NUMA nodes. */
const kernelFolder = "/sys/devices/system";
const kibPerMib = 1024;
/** Which cores a machine has and which of them are close to each other, with their memory. */
export type Layout = { cores: string[]; numa: { id: string; cores: string[]; memoryMib: number }[] };

/** The layout of this machine, of which the engine uses so many cores. What the kernel does not tell is left out. */
export async function machineLayout(cpus: number, folder = kernelFolder): Promise<Layout> {
  const online = listOf(await textOf(join(folder, "cpu/online")));
  // An engine that may use fewer cores than the machine has does not say which.
  const cores = online.length === cpus ? online : Array.from({ length: cpus }, (_, id) => String(id));
  const numa = await numaNodes(folder, new Set(cores));
  return { cores, numa: numa.length > 1 ? numa : [] };
}

async function numaNodes(folder: string, cores: ReadonlySet<string>): Promise<Layout["numa"]> {
  const names = await readdir(join(folder, "node")).catch(absent);
  const ids = (names ?? []).flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []);
  const nodes = await Promise.all(
    ids
      .sort((a, b) => Number(a) - Number(b))
      .map(async (id) => {
        const own = listOf(await textOf(join(folder, `node/node${id}/cpulist`)));
        const memory = /MemTotal:\s+(\d+) kB/.exec(await textOf(join(folder, `node/node${id}/meminfo`)));
        const memoryMib = Math.floor(Number(memory?.[1] ?? 0) / kibPerMib);
        return { id, cores: own.filter((core) => cores.has(core)), memoryMib };
      }),
  );
  // A NUMA node may have memory alone.
  return nodes.filter((node) => node.cores.length > 0);
}

/** The numbers of a list as the kernel writes it: `0-3,8`. */
export const listOf = (text: string): string[] =>
  text
    .trim()
    .split(",")
    .flatMap((part) => {
      const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
      if (first === undefined) return [];
      return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) =>
        String(Number(first) + index),
      );
    });

const textOf = async (file: string): Promise<string> => (await readFile(file, "utf8").catch(absent)) ?? "";

/** Not every kernel tells everything. */
function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error) return undefined;
  throw error;
}
