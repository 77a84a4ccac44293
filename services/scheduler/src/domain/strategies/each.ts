import { byName } from "./candidate.ts";
import type { PerNodeRule } from "./per-node.ts";

/** Eru's EACH: `perNode` workloads on each chosen node, whatever is there; the nodes with the most room are chosen first. */
export const each: PerNodeRule = {
  policy: "each-1",
  byUsage: false,
  lacks: (_node, perNode) => perNode,
  compare: (a, b) => b.capacity - a.capacity || byName(a, b),
};
