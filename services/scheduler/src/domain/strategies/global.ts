import { byName, type Rule } from "./candidate.ts";
import { cheapestPlaces } from "./places.ts";

/**
 * Eru's GLOBAL: one workload after the other goes to the node that is least full once it is there; on a tie to the first by
 * name. Workloads of the app that are there already do not matter.
 */
export const global: Rule = {
  policy: "global-1",
  byUsage: true,
  compare: (a, b) => a.usage(1) - b.usage(1) || byName(a, b),
  shares: (candidates, need, nodesLimit) =>
    cheapestPlaces(candidates, { need, nodesLimit }, (candidate, more) => candidate.usage(more)),
};
