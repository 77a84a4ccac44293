import { type CoreOptions, SchedulerCore } from "../../services/scheduler/src/core.ts";
import { actionsMax } from "../../services/scheduler/src/domain/limits.ts";
import { snapshot } from "../../services/scheduler/src/testkit/snapshot.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** Live states equal a fresh fold, and nobody finds anything left to decide. */
export function replay(
  { nowMs, entries }: SimLog,
  schedulers: readonly SimScheduler[],
  options: CoreOptions,
): void {
  const fresh = new SchedulerCore({ ...options, actionsMax }, nowMs);
  fresh.fold(entries.map(({ stored }) => stored));
  const expected = JSON.stringify(snapshot(fresh.zone));
  for (const { core } of schedulers) {
    core?.fold(entries.map(({ stored }) => stored));
    if (core && JSON.stringify(snapshot(core.zone)) !== expected)
      throw new Error("a live zone differs from the replayed one");
  }
  fresh.lookAtEverything(nowMs);
  const left = [...fresh.passes(nowMs)].flatMap(({ pass }) => pass.decisions.map(({ event }) => event.type));
  if (left.length > 0) throw new Error(`at rest, and yet a fresh scheduler decides ${left.join()}`);
}
