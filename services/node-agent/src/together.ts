/**
 * Runs jobs side by side until the signal aborts or one of them fails; then the others' signal aborts too. Resolves when
 * all have ended, rejects with the first failure.
 */
export async function together(
  signal: AbortSignal,
  jobs: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  let failure: { error: unknown } | undefined;
  const run = async (job: (signal: AbortSignal) => Promise<void>) => {
    try {
      await job(ended);
    } catch (error) {
      failure ??= { error };
      failed.abort();
    }
  };
  await Promise.all(jobs.map(run));
  if (failure) throw failure.error;
}
