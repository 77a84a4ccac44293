import { setImmediate as immediate } from "node:timers/promises";
import { AppError, type PlanRefusal } from "@eru/events";
import type { Log } from "@eru/log";
import { emptyZone, type Zone } from "./domain/zone.ts";
import { foldInto } from "./fold.ts";

/** Milliseconds one question about the past may read; what was read is kept for the next. */
const pastReadMs = 20_000;
/** Milliseconds after which a zone that nobody asked about again is forgotten. */
const keptMs = 60_000;

type PastDeps = {
  log: Pick<Log, "follow">;
  now: () => number;
  /** A zone to go on from, not newer than that; undefined when there is none. */
  restore: (seqMax: number, signal: AbortSignal) => Promise<Zone | undefined>;
};

/**
 * Zones as they were: read from the log into a zone of their own, so that the live one is not touched. One question at a
 * time, and one zone kept: a question about the same time or a later one goes on from there.
 */
export class Past {
  readonly #deps: PastDeps;
  #zone: Zone | undefined;
  #usedAt = 0;
  #busy = false;

  constructor(deps: PastDeps) {
    this.#deps = deps;
  }

  /** Tells something about the zone at a sequence of the log that is stored; or why not now. */
  async at<T>(
    seq: number,
    signal: AbortSignal,
    tell: (zone: Zone) => T,
    readMs = pastReadMs,
  ): Promise<T | PlanRefusal> {
    if (this.#busy)
      return { error: "another question about the past is being read for: ask again when it is answered" };
    this.#busy = true;
    try {
      const zone = await this.#from(seq, signal);
      this.#zone = zone;
      const whole = await this.#read(zone, seq, signal, readMs);
      if (whole) return tell(zone);
      const share = Math.floor((100 * zone.seq) / seq);
      return {
        error: `the log is read up to sequence ${zone.seq} of ${seq} (${share} %): ask again within a minute, it goes on from there`,
      };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#zone = undefined;
      return { error: `the log cannot be read up to sequence ${seq}: ${error.message}` };
    } finally {
      this.#busy = false;
      this.#usedAt = this.#deps.now();
    }
  }

  /** To be called now and then: gives back the memory of a zone that nobody asks about any more. */
  forget(): void {
    if (!this.#busy && this.#deps.now() - this.#usedAt > keptMs) this.#zone = undefined;
  }

  /** What is kept, a snapshot, or nothing. */
  async #from(seq: number, signal: AbortSignal): Promise<Zone> {
    if (this.#zone && this.#zone.seq <= seq) return this.#zone;
    return (await this.#deps.restore(seq, signal)) ?? emptyZone();
  }

  /** The zone that is kept is somebody else's from now on. */
  drop(): void {
    this.#zone = undefined;
  }

  /** Folds up to the sequence; false when the time or the process ended before. */
  async #read(zone: Zone, seq: number, signal: AbortSignal, readMs: number): Promise<boolean> {
    if (zone.seq === seq) return true;
    const ends = AbortSignal.any([signal, AbortSignal.timeout(readMs)]);
    for await (const { messages, head } of this.#deps.log.follow({ fromSeq: zone.seq + 1, signal: ends })) {
      foldInto(
        zone,
        messages.filter((message) => message.seq <= seq),
      );
      // Sequences may be missing from a log; what is stored up to here is folded all the same.
      if (head || (messages.at(-1)?.seq ?? 0) >= seq) {
        zone.seq = seq;
        return true;
      }
      // Deciding goes first.
      await immediate();
    }
    return false;
  }
}
