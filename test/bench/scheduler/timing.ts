import { percentile } from "../figures.ts";

/** Milliseconds of the first run, which has everything to compile, and of the others. */
export type Timing = { firstMs: number; medianMs: number; bestMs: number };

const rounded = (ms: number): number => Number(ms.toFixed(2));

/** Milliseconds that an action took. */
export function elapsedMs(action: () => void): number {
  const begun = performance.now();
  action();
  return performance.now() - begun;
}

/** Runs an action once and then `rounds` times. */
export function timing(rounds: number, action: () => void): Timing {
  const firstMs = elapsedMs(action);
  const others = Array.from({ length: rounds }, () => elapsedMs(action));
  return {
    firstMs: rounded(firstMs),
    medianMs: rounded(percentile(others, 0.5)),
    bestMs: rounded(Math.min(...others)),
  };
}
