import { percentile } from "../figures.ts";

/**
 * Milliseconds of the first run, which has everything to compile, and of the others; and their processor time, which a machine
 * that others use lengthens less. It counts the threads that collect garbage meanwhile.
 */
export type Timing = { firstMs: number; medianMs: number; bestMs: number; cpuMs: number };

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
  const others: number[] = [];
  const cpus = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    others.push(elapsedMs(action));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return {
    firstMs: rounded(firstMs),
    medianMs: rounded(percentile(others, 0.5)),
    bestMs: rounded(Math.min(...others)),
    cpuMs: rounded(percentile(cpus, 0.5)),
  };
}
