/** Measures how long things last, by a monotonic clock that the caller reads. */
export class Stopwatch {
  readonly #since = new Map<string, { from: number; seenAt: number }>();

  /** Milliseconds since the key was first asked for; 0 the first time. A key that a sweep does not ask for starts anew. */
  elapsed(key: string, now: number): number {
    const running = this.#since.get(key) ?? { from: now, seenAt: now };
    running.seenAt = now;
    this.#since.set(key, running);
    return now - running.from;
  }

  /** Forgets what nobody has asked for since. */
  sweep(before: number): void {
    for (const [key, { seenAt }] of this.#since) if (seenAt < before) this.#since.delete(key);
  }
}
