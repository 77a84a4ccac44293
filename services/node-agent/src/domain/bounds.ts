import type { InventoryFault } from "@eru/events";
import type { Bounds, Container } from "./container.ts";
import type { Addressing } from "./endpoints.ts";
import type { Entry } from "./entry.ts";
import { orderedAmounts } from "./realloc.ts";

const bytesPerMib = 1024 * 1024;
const nanosPerMilli = 1_000_000;
/** The kernel's weight of a container of which nothing is said. */
const sharesUsual = 1_024;

const mib = (bytes: number): string => (bytes > 0 ? `${Math.round(bytes / bytesPerMib)} MiB` : "none");
const cores = (nanos: number): string => (nanos > 0 ? `${nanos / 1e9}` : "none");

/** What somebody can set otherwise, with what it is called and how its amounts are told. */
const told = {
  NanoCpus: ["cpu limit", cores],
  CpuShares: ["cpu weight", String],
  Memory: ["memory limit", mib],
  MemorySwap: ["memory with swap", mib],
  MemoryReservation: ["memory reserved", mib],
} as const;

/**
 * How a container is bounded otherwise than ordered; undefined when it is not, or when the engine did not say. The cores of
 * workloads that are not bound are their agent's own affair: it puts them right by itself.
 */
export function boundsDifference(
  entry: Readonly<Entry>,
  { bounds: found }: Pick<Container, "bounds">,
  addressing: Addressing,
): Pick<InventoryFault, "detail" | "cpuMilli" | "memoryMib" | "lasting"> | undefined {
  const ordered = orderedAmounts(entry, addressing);
  if (!ordered || !found) return undefined;
  const bound = ordered.CpusetCpus !== undefined;
  const wanted = { ...none, ...ordered };
  const has = asOrdered(found, bound ? wanted.NanoCpus : 0);
  // Without a bound of its own, what the engine adds to another one is nobody's word.
  if (ordered.MemorySwap === undefined) has.MemorySwap = 0;
  const parts: string[] = [];
  let lasting = false;
  for (const key of keys) {
    if (has[key] === wanted[key]) continue;
    const [name, text] = told[key];
    parts.push(`${name} ${text(has[key])}, ordered ${text(wanted[key])}`);
    // An engine that is told of no bound changes nothing.
    lasting ||= wanted[key] === 0;
  }
  if (bound && inOrder(found.CpusetCpus) !== inOrder(wanted.CpusetCpus))
    parts.push(`cores ${found.CpusetCpus || "all"}, ordered ${wanted.CpusetCpus}`);
  if (parts.length === 0) return undefined;
  const milli = bound ? 0 : Math.round((has.NanoCpus - wanted.NanoCpus) / nanosPerMilli);
  const memory = Math.round((has.Memory - wanted.Memory) / bytesPerMib);
  return {
    detail: parts.join("; "),
    // From or to no bound at all there is no amount.
    ...(has.NanoCpus > 0 && wanted.NanoCpus > 0 && { cpuMilli: milli }),
    ...(has.Memory > 0 && wanted.Memory > 0 && { memoryMib: memory }),
    ...(lasting && { lasting }),
  };
}

const keys = ["NanoCpus", "CpuShares", "Memory", "MemorySwap", "MemoryReservation"] as const;
const none: Bounds = {
  ...{ NanoCpus: 0, CpuShares: sharesUsual, CpusetCpus: "" },
  ...{ Memory: 0, MemorySwap: 0, MemoryReservation: 0 },
};

/** What bounds nothing is the same as none: a quota of all its cores, and the usual weight. */
const asOrdered = (found: Bounds, allOfBound: number): Bounds => ({
  ...found,
  NanoCpus: found.NanoCpus === 0 ? allOfBound : found.NanoCpus,
  CpuShares: found.CpuShares === 0 ? sharesUsual : found.CpuShares,
});

/** Each core by its name: `0-2` is `0,1,2`. */
const inOrder = (text: string): string =>
  text
    .split(",")
    .flatMap((part) => {
      const [from = Number.NaN, to = from] = part.split("-").map(Number);
      return Array.from({ length: Math.max(0, to - from) + 1 }, (_, at) => from + at);
    })
    .sort((a, b) => a - b)
    .join(",");
