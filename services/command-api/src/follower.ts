import { type Log, LogUnavailableError } from "@eru/log";
import { Intent } from "./intent.ts";

type Waiter = { seq: number; resolve: () => void };

/** A monotonic clock in milliseconds, for the lag; how long to wait for the log before giving up; see Intent for `acme`. */
type Patience = { now: () => number; waitMs: number; acme?: boolean };

/** Keeps the intent up to date with the log, and lets commands wait for it. */
export class Follower {
  readonly intent: Intent;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #waitMs: number;
  readonly #firstHead = Promise.withResolvers<void>();
  #position = 0;
  #caughtUp = false;
  #headAtMs: number;
  #atHead = false;
  #waiters: Waiter[] = [];

  constructor(log: Log, { now, waitMs, acme = false }: Patience) {
    this.intent = new Intent({ acme });
    this.#log = log;
    this.#now = now;
    this.#waitMs = waitMs;
    this.#headAtMs = now();
  }

  /** Follows until the signal aborts. Rejects when a message cannot be read: deciding without it would be wrong. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const page of this.#log.follow({ fromSeq: 1, signal })) {
      for (const message of page.messages) {
        this.intent.apply(message);
        this.#position = message.seq;
      }
      this.#atHead = page.head;
      if (page.head) this.#reachHead();
      this.#wake();
    }
  }

  /** The sequence up to which the log was applied. */
  get position(): number {
    return this.#position;
  }

  /** Whether the end of the log was reached once: before, nothing can be decided. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Resolves when the end of the log is reached for the first time. */
  get ready(): Promise<void> {
    return this.#firstHead.promise;
  }

  /** Seconds for which there has been more to read than was read; 0 at the end of the log. */
  get lagSeconds(): number {
    return this.#atHead ? 0 : (this.#now() - this.#headAtMs) / 1_000;
  }

  /** Resolves when the log is applied up to `seq`, however long that takes. */
  applied(seq: number): Promise<void> {
    if (this.#position >= seq) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ seq, resolve });
    return promise;
  }

  /**
   * Waits until the log is applied up to `seq`.
   * @throws LogUnavailableError its reader lags
   */
  async reach(seq: number): Promise<void> {
    await this.#inTime(this.applied(seq), `reading it from sequence ${this.#position} to ${seq}`);
  }

  /**
   * Waits until everything is applied that was in the log when this was called.
   * @throws LogUnavailableError the log does not answer, or its reader lags
   */
  async catchUp(): Promise<void> {
    await this.reach(await this.#inTime(this.#log.lastSeq(), "asking for its end"));
  }

  async #inTime<T>(wanted: Promise<T>, doing: string): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const limit = setTimeout(() => reject(new LogUnavailableError(doing)), this.#waitMs);
    try {
      return await Promise.race([wanted, late]);
    } finally {
      clearTimeout(limit);
    }
  }

  #reachHead(): void {
    this.#headAtMs = this.#now();
    this.#caughtUp = true;
    this.#firstHead.resolve();
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters)
      if (waiter.seq <= this.#position) waiter.resolve();
      else waiting.push(waiter);
    this.#waiters = waiting;
  }
}
