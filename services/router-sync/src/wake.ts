/** Tells one waiter that there is something to do. A raise while nobody waits is remembered. */
export class Wake {
  #raised = false;
  #wake: (() => void) | undefined;

  raise(): void {
    this.#raised = true;
    this.#wake?.();
  }

  /** Resolves after a raise, at the latest after `limitMs` or when the signal aborts. */
  async next(signal: AbortSignal, limitMs?: number): Promise<void> {
    if (!this.#raised && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs);
      const onAbort = () => resolve();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#wake = resolve;
      await promise;
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    }
    this.#wake = undefined;
    this.#raised = false;
  }
}
