import type { FactEvent } from "@eru/events";
import { isWorkloadFact, type WorkloadFact } from "./known.ts";
import { isReallocFact } from "./realloc.ts";

/**
 * The facts that still matter, when too many wait for the log: the newest state of the node and of every workload stays,
 * in order; states that later ones have overtaken go.
 */
export function compact<T extends { fact: FactEvent }>(waiting: readonly T[]): T[] {
  const node = new Set<string>();
  const workloads = new Map<string, Overtaken>();
  const kept: T[] = [];
  for (const one of waiting.toReversed()) {
    const { fact } = one;
    if (isWorkloadFact(fact)) {
      const overtaken = workloads.get(fact.workload) ?? { upTo: 0, health: 0, trouble: 0, clearing: 0 };
      workloads.set(fact.workload, overtaken);
      if (overtake(overtaken, fact)) kept.push(one);
    } else {
      const about = aboutOf(fact);
      if (!node.has(about)) kept.push(one);
      node.add(about);
    }
  }
  return kept.reverse();
}

const aboutOf = (fact: Exclude<FactEvent, WorkloadFact>): string => {
  if (isReallocFact(fact)) return `resources of ${fact.workload}`;
  return fact.type === "NodeObserved" ? "machine" : "engine";
};

/** The generation up to which earlier facts no longer matter: all of them, and those of each kind. */
type Overtaken = { upTo: number; health: number; trouble: number; clearing: number };

/** Notes what the fact makes superfluous before it; false when it is superfluous itself. */
function overtake(overtaken: Overtaken, fact: WorkloadFact): boolean {
  const { generation } = fact;
  if (generation <= overtaken.upTo) return false;
  switch (fact.type) {
    case "ContainerRemoved":
    case "ContainerReleased":
    case "ContainerStarted":
    case "ContainerStopped":
      overtaken.upTo = generation;
      return true;
    case "ContainerCreated":
    case "ContainerAdopted":
    case "AdoptionFailed":
    case "ReplacementUndone":
    case "HookEnded":
      return true;
    case "ContainerHealthy":
    case "ContainerUnhealthy":
      return newestOf("health");
    case "ContainerExited":
      overtaken.health = Math.max(overtaken.health, generation);
      return newestOf("trouble");
    case "ContainerFailed":
      return newestOf(["update", "stop", "remove"].includes(fact.step) ? "clearing" : "trouble");
  }
  function newestOf(kind: "health" | "trouble" | "clearing"): boolean {
    if (generation <= overtaken[kind]) return false;
    overtaken[kind] = generation;
    return true;
  }
}
