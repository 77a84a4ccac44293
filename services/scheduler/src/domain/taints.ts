import { taintPrefix } from "@eru/events";

type Labels = Readonly<Record<string, string>>;

/** Found once for each set of labels: a node that is labelled anew gets another. */
const taintsOf = new WeakMap<Labels, readonly string[]>();

/** The first taint of a node, by name, that the workloads do not tolerate. */
export function untolerated(labels: Labels, tolerates: readonly string[]): string | undefined {
  const taints = taintsOf.get(labels) ?? taintsIn(labels);
  if (taints.length === 0 || tolerates.includes("*")) return undefined;
  return taints.find((taint) => !tolerates.includes(taint));
}

function taintsIn(labels: Labels): readonly string[] {
  const taints = Object.keys(labels)
    .filter((label) => label.startsWith(taintPrefix))
    .map((label) => label.slice(taintPrefix.length))
    .sort();
  taintsOf.set(labels, taints);
  return taints;
}
