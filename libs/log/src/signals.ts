/** Wakes all who wait, without a timer. A raise that nobody waits for is forgotten: look at the state before waiting. */
export class Signals {
  #waiting = new Set<() => void>();

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  raise(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
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
      // Whoever gave up must not be kept: a connection's signals live as long as the process.
      this.#waiting.delete(wake);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    this.#waiting.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    return promise;
  }
}
