import { liveBacklogMax } from "./log.ts";
import { Signals } from "./signals.ts";

/** Messages that wait for a live subscriber. Bounded: who lags loses the oldest, because only the newest matter. */
export class LiveQueue {
  readonly #arrived = new Signals();
  #waiting: { subject: string; body: string }[] = [];
  #failure: Error | undefined;

  /** How many wait, at most twice what a reader will get. */
  get waiting(): number {
    return this.#waiting.length;
  }

  push(message: { subject: string; body: string }): void {
    this.#waiting.push(message);
    // Cut in large steps, so that a flood does not move the whole array for every message.
    if (this.#waiting.length >= 2 * liveBacklogMax) this.#waiting = this.#waiting.slice(-liveBacklogMax);
    this.#arrived.raise();
  }

  /** Ends the subscription with an error, after what waits. */
  fail(error: Error): void {
    this.#failure = error;
    this.#arrived.raise();
  }

  async *drain(signal: AbortSignal): AsyncGenerator<{ subject: string; body: string }> {
    while (!signal.aborted) {
      const batch = this.#waiting.slice(-liveBacklogMax);
      this.#waiting = [];
      for (const message of batch) {
        if (signal.aborted) return;
        yield message;
      }
      if (this.#waiting.length > 0) continue;
      if (this.#failure) throw this.#failure;
      await this.#arrived.next(signal);
    }
  }
}
