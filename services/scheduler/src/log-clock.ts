import type { Moment } from "./domain/moment.ts";
import { Stopwatch } from "./stopwatch.ts";

/**
 * Milliseconds that a scheduler watches by its own clock before it believes that a deadline has passed: what a clock says
 * that has stepped between two schedulers is not enough.
 */
export const watchedMs = 10_000;

/**
 * Measures how long ago something was recorded, so that it is the same for every scheduler. What stood in the log when this
 * one took over counts by the log's own times, up to what the log's clock said then; everything from there on counts by a
 * monotonic clock that the caller reads, so that no clock that steps meanwhile shortens or lengthens it.
 */
export class LogClock {
  #takenOver: { seq: number; logMs: number; at: number } | undefined;
  #stopwatch = new Stopwatch();

  /** From now on this scheduler decides. `seq` is what it has read, `logMs` the log's clock. */
  takeOver(seq: number, logMs: number, now: number): void {
    this.#takenOver = { seq, logMs, at: now };
    this.#stopwatch = new Stopwatch();
  }

  /** Whether so many milliseconds have passed since. To be asked for again and again while it matters. */
  over(what: string, since: Moment, limitMs: number, now: number): boolean {
    const from = this.#takenOver;
    const known = this.#stopwatch.elapsed(`${what} ${since.seq}`, now);
    if (!from || since.seq > from.seq || since.storedMs === undefined) return known >= limitMs;
    const watched = now - from.at;
    return (
      Math.max(0, from.logMs - since.storedMs) + watched >= limitMs && watched >= Math.min(watchedMs, limitMs)
    );
  }

  /** Forgets what nobody has asked for since. */
  sweep(before: number): void {
    this.#stopwatch.sweep(before);
  }
}
