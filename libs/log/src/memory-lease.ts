import type { Lease } from "./log.ts";
import { Signals } from "./signals.ts";

/** Leases in one process: the first to ask holds one until its signal aborts or a test takes it away with `expire`. */
export class MemoryLease implements Lease {
  readonly #held = new Map<string, AbortController>();
  readonly #released = new Signals();

  async acquire(name: string, signal: AbortSignal): Promise<AbortSignal> {
    while (this.#held.has(name) && !signal.aborted) await this.#released.next(signal);
    const holding = new AbortController();
    if (signal.aborted) {
      holding.abort();
      return holding.signal;
    }
    this.#held.set(name, holding);
    signal.addEventListener("abort", () => this.#release(name, holding), { once: true });
    return holding.signal;
  }

  /** What happens to a holder that could not renew: its signal aborts, and the next in line gets the lease. */
  expire(name: string): void {
    const holding = this.#held.get(name);
    if (holding) this.#release(name, holding);
  }

  #release(name: string, holding: AbortController): void {
    holding.abort();
    if (this.#held.get(name) !== holding) return;
    this.#held.delete(name);
    this.#released.raise();
  }
}
