import type { FactEvent } from "@eru/events";
import { type Known, retriesNow, type WorkloadFact } from "./known.ts";

/** So many failed starts in a row are reported one by one; after that they are a loop. */
const loopAfter = 3;
/** In a loop, and without a health check, a start counts as healthy only after this long. */
const loopProofMs = 5_000;

/** What is held back of a crash loop. */
export type Loop = {
  /** A start of which nothing is known yet but that it happened. */
  held: WorkloadFact | undefined;
  /** Failed starts that were not reported on their own, since the last that was. */
  folded: number;
  /** Failed starts since the loop began. */
  failures: number;
};

/** Nothing held back. */
export const noLoop: Loop = { held: undefined, folded: 0, failures: 0 };

/**
 * Folds a crash loop into few facts: a start is reported when something comes of it, and of the starts that end at once
 * only the fourth, eighth, sixteenth and so on, with the number of those in between. The last one always is.
 * `retries` are those that counted before the fact.
 */
export function fold(loop: Loop, fact: WorkloadFact, retries: number): { loop: Loop; report: FactEvent[] } {
  const { held } = loop;
  switch (fact.type) {
    case "ContainerStarted":
      return retries >= loopAfter ? { loop: { ...loop, held: fact }, report: [] } : plain(loop, fact);
    case "ContainerExited":
    case "ContainerFailed": {
      if (!isStart(fact)) return { loop, report: [fact] };
      if (retries < loopAfter) return plain(loop, fact);
      const failures = loop.failures + 1;
      const powerOfTwo = (failures & (failures - 1)) === 0;
      if (fact.retryInMs !== undefined && !powerOfTwo)
        return { loop: { held: undefined, folded: loop.folded + 1, failures }, report: [] };
      const report = loop.folded > 0 ? { ...fact, folded: loop.folded } : fact;
      return { loop: { held: undefined, folded: 0, failures }, report: [report] };
    }
    case "ContainerUnhealthy":
    case "HookEnded":
      return { loop: { ...loop, held: undefined }, report: held ? [held, fact] : [fact] };
    default:
      return plain(loop, fact);
  }

  function plain(current: Loop, one: WorkloadFact): { loop: Loop; report: FactEvent[] } {
    const before = current.held && one.type !== "ContainerStarted" ? [current.held] : [];
    return { loop: noLoop, report: [...before, one] };
  }
}

/** When a start without a health check counts as healthy: at once, but in a crash loop only after a while. */
export const provenAtMs = (known: Known, nowMs: number): number =>
  retriesNow(known, nowMs) >= loopAfter ? known.sinceMs + loopProofMs : 0;

const isStart = (fact: Extract<WorkloadFact, { type: "ContainerExited" | "ContainerFailed" }>): boolean =>
  fact.type === "ContainerExited" || ["pull", "create", "start"].includes(fact.step);
