import { latest, type Moment } from "./moment.ts";
import type { Deployment } from "./zone.ts";

/** A workload that is waited for, and since when. */
type Awaited = { workload: string; since: Moment };

/**
 * The workloads a rollout waits for that are not healthy yet: the new ones, or the old ones when it goes back. The clock of
 * each starts where the log says that it was placed, and again where it was healthy no more, its node was back, or the
 * rollout turned round or went on after a pause. Nothing is awaited while it is held.
 */
export function awaitedHealth({ rollout, version, workloads }: Deployment): Awaited[] {
  if (!rollout || rollout.paused || rollout.step === "halted") return [];
  const awaited: Awaited[] = [];
  for (const { id, version: of, going, phase, node, awaitedSince } of workloads.values())
    if (
      of === version &&
      !going &&
      phase !== "healthy" &&
      phase !== "failed" &&
      phase !== "stopped" &&
      node.liveness === "alive"
    )
      awaited.push({ workload: id, since: latest(awaitedSince, node.livenessSince, rollout.since) });
  return awaited;
}
