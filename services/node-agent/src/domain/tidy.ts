import type { Entry } from "./entry.ts";
import type { Lanes } from "./lanes.ts";
import type { Action } from "./reconcile.ts";

/** Milliseconds for which a container that nobody needs any more is left while others are created or started. */
export const tidyWaitMs = 10_000;

/**
 * What shall run goes before what shall only be gone: while the engine removes it takes longer to start. So a container whose
 * workload is over is removed when nothing is being created or started any more, or when it has been left for long enough. One
 * in whose place the next one comes is not left. True when it shall wait.
 */
export function tidiesLater(entry: Entry, action: Action, lanes: Lanes<Entry>, nowMs: number): boolean {
  if (action.do !== "remove" || entry.order?.kind !== "stop" || !lanes.starting) return false;
  entry.tidyByMs ??= nowMs + tidyWaitMs;
  if (nowMs >= entry.tidyByMs) return false;
  entry.wakeAtMs = entry.tidyByMs;
  lanes.waitToTidy(entry);
  return true;
}
