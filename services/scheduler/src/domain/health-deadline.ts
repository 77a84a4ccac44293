import type { Deployment } from "./zone.ts";

/**
 * The workloads a rollout waits for that are not healthy yet: the new ones, or the old ones when it goes back. Each comes
 * with the name of the clock that says for how long: it starts when the workload is placed, and again when it was healthy,
 * its node was away, or the rollout went on after a pause. Nothing is awaited while it is held.
 */
export function awaitedHealth({
  rollout,
  version,
  workloads,
}: Deployment): { workload: string; clock: string }[] {
  if (!rollout || rollout.paused || rollout.step === "halted") return [];
  const awaited = [];
  for (const { id, version: of, going, phase, node, lastHealthySeq } of workloads.values())
    if (
      of === version &&
      !going &&
      phase !== "healthy" &&
      phase !== "failed" &&
      phase !== "stopped" &&
      node.liveness === "alive"
    )
      awaited.push({
        workload: id,
        clock: `health ${id} ${rollout.sinceSeq} ${lastHealthySeq}${rollout.back ? " back" : ""}`,
      });
  return awaited;
}
