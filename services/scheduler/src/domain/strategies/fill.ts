import { byName } from "./candidate.ts";
import type { PerNodeRule } from "./per-node.ts";

/**
 * Eru's FILL: brings every chosen node up to `perNode` workloads of the app and entrypoint, those that are there already
 * counted. The nodes with the most of them are chosen first, then those with the most room: what is filled stays chosen.
 */
export const fill: PerNodeRule = {
  policy: "fill-1",
  byUsage: false,
  lacks: ({ count }, perNode) => Math.max(0, perNode - count),
  compare: (a, b) => b.count - a.count || b.capacity - a.capacity || byName(a, b),
};
