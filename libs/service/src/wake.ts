/** The longest a timer can wait, in milliseconds. */
const timerMostMs = 2 ** 31 - 1;

/** Tells one waiter that there is something to do. A raise while nobody waits is remembered. */
export class Wake {
  #raised = false;
  #resolve: (() => void) | undefined;

  raise(): void {
    this.#raised = true;
    this.#resolve?.();
  }

  /** Resolves after a raise, after `limitMs` when given, or when the signal aborts. */
  async next(signal?: AbortSignal, limitMs?: number): Promise<void> {
    if (!this.#raised && !signal?.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer =
        limitMs === undefined ? undefined : setTimeout(resolve, Math.min(timerMostMs, Math.max(0, limitMs)));
      const onAbort = () => resolve();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#resolve = resolve;
      await promise;
      signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    }
    this.#resolve = undefined;
    this.#raised = false;
  }
}
