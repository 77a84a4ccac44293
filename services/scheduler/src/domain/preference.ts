import { meets, type Preference } from "@eru/events";
import type { Nearness } from "./affinity.ts";
import type { Node } from "./zone.ts";

/** How much a node is preferred: the weights of what it meets, less the weights of what it should avoid. */
export function preferenceOf(
  node: Node,
  prefer: readonly Preference[],
  affinities: readonly Nearness[],
): number {
  let sum = 0;
  for (const { constraint, weight = 1 } of prefer) {
    const value = Object.hasOwn(node.labels, constraint.label) ? node.labels[constraint.label] : undefined;
    if (meets(constraint, value)) sum += weight;
  }
  for (const { affinity, near } of affinities) {
    const { rule, weight = 1 } = affinity;
    if (rule === "prefer" && near(node)) sum += weight;
    if (rule === "avoid" && near(node)) sum -= weight;
  }
  return sum;
}
