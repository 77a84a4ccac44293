import { taintPrefix } from "@eru/events";

/** The first taint of a node, by name, that the workloads do not tolerate. */
export function untolerated(
  labels: Readonly<Record<string, string>>,
  tolerates: readonly string[],
): string | undefined {
  if (tolerates.includes("*")) return undefined;
  return Object.keys(labels)
    .filter((label) => label.startsWith(taintPrefix))
    .map((label) => label.slice(taintPrefix.length))
    .sort()
    .find((taint) => !tolerates.includes(taint));
}
