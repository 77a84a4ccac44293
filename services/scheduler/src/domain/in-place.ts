import type { Draft } from "./draft.ts";
import type { Rollout } from "./rollout-state.ts";
import { serves } from "./serves.ts";
import type { Workload } from "./zone.ts";

/** Of the fresh workloads of a rollout, those that are as they shall be. */
export type InPlace = {
  serving: number;
  /** A user stopped them: they are not waited for. */
  stopped: number;
  /** In whose place old ones may go. */
  instead: readonly Workload[];
};

/**
 * Which fresh ones are in place. Stopping is a wish for fewer, so an old one may go in the place of a stopped one as well; but
 * before any of what is new serves, nothing that serves goes for one that does not.
 */
export function inPlaceOf(draft: Draft, { back }: Rollout, fresh: readonly Workload[]): InPlace {
  const serving = fresh.filter((one) => serves(draft, one));
  const stopped = fresh.filter((one) => one.stopped && one.phase === "stopped");
  const instead = serving.length > 0 || back ? [...serving, ...stopped] : [];
  return { serving: serving.length, stopped: stopped.length, instead };
}
