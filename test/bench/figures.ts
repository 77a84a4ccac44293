/** A percentile by nearest rank of unsorted samples; `of` from 0 to 1. */
export function percentile(samples: readonly number[], of: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(of * sorted.length) - 1))] ?? Number.NaN;
}

/** Milliseconds that an action took. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await action();
  return performance.now() - begun;
}

const rounded = (value: number) => Number(value.toFixed(2));

/** A row of the table: milliseconds of a series of samples. */
export const row = (samples: readonly number[]) => ({
  samples: samples.length,
  p50: rounded(percentile(samples, 0.5)),
  p90: rounded(percentile(samples, 0.9)),
  p99: rounded(percentile(samples, 0.99)),
  max: rounded(Math.max(...samples)),
});

/** How many times as long `one` took as `other`, at the median and at the 99th percentile. */
export const ratio = (one: readonly number[], other: readonly number[]) => ({
  p50: rounded(percentile(one, 0.5) / percentile(other, 0.5)),
  p99: rounded(percentile(one, 0.99) / percentile(other, 0.99)),
});
