/** Wakes all who wait, without a timer. A raise that nobody waits for is forgotten: look at the state before waiting. */
export class Signals {
  #waiting: (() => void)[] = [];

  raise(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves at the next raise or when the signal aborts, at once when it has. */
  next(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted) {
      resolve();
      return promise;
    }
    const wake = (): void => {
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    this.#waiting.push(wake);
    signal?.addEventListener("abort", wake, { once: true });
    return promise;
  }
}
