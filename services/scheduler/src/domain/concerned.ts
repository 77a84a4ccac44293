import { countsPerNode } from "@eru/events";
import type { Deployment, Pod } from "./zone.ts";

/** Deployments with a set on each node: any change of a node may concern them. */
export const perNodeIn = (pod: Pod): Deployment[] =>
  [...pod.deployments.values()].filter(({ strategy }) => countsPerNode(strategy));

/**
 * Deployments that what happened may concern although it is not about them: a node changed, or others of the same app and
 * entrypoint that FILL counts.
 */
export function concerned(pod: Pod, focus: ReadonlySet<Deployment>): Deployment[] {
  const perNode = perNodeIn(pod);
  if (pod.changed || perNode.length === 0) return perNode;
  const keys = new Set([...focus].map(({ key }) => key));
  return perNode.filter(({ strategy, key }) => strategy === "fill" && keys.has(key));
}
