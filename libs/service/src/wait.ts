import { setTimeout as sleep } from "node:timers/promises";

/** Resolves after `ms` or as soon as the signal aborts; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** Milliseconds to wait before try `attempt` (from 1): doubling from `firstMs` to `mostMs`. */
export const backOffMs = (attempt: number, firstMs: number, mostMs: number): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
