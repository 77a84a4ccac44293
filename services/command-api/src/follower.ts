import { type Log, LogUnavailableError } from "@eru/log";
import { Intent } from "./intent.ts";

/** How long a reader of the log may lag before a command is answered 503 instead of waiting for it. */
const catchUpMs = 5_000;

type Waiter = { seq: number; resolve: (reached: boolean) => void };

/** Keeps the intent up to date with the log, and lets commands wait for it. */
export class Follower {
  readonly intent = new Intent();
  readonly #log: Log;
  readonly #now: () => number;
  readonly #firstHead = Promise.withResolvers<void>();
  #position = 0;
  #caughtUp = false;
  #headAtMs: number;
  #atHead = false;
  #waiters: Waiter[] = [];

  /** `now` is a monotonic clock in milliseconds, for the lag alone. */
  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
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

  /** Waits until the log is applied up to `seq`; false when that takes longer than five seconds. */
  reached(seq: number): Promise<boolean> {
    if (this.#position >= seq) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter = { seq, resolve };
    this.#waiters.push(waiter);
    const giveUp = setTimeout(() => {
      this.#waiters = this.#waiters.filter((one) => one !== waiter);
      resolve(false);
    }, catchUpMs);
    return promise.finally(() => clearTimeout(giveUp));
  }

  /**
   * Waits until everything is applied that was in the log when this was called.
   * @throws LogUnavailableError the log does not answer, or its reader lags
   */
  async catchUp(): Promise<void> {
    const head = await this.#log.lastSeq();
    if (!(await this.reached(head)))
      throw new LogUnavailableError(`catching up from sequence ${this.#position} to ${head}`);
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
      if (waiter.seq <= this.#position) waiter.resolve(true);
      else waiting.push(waiter);
    this.#waiters = waiting;
  }
}
