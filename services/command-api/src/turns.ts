import { AppError } from "@eru/events";

/** Work before this one took too long; nothing of this one was done. */
export class NoTurnError extends AppError {
  readonly code = "no_turn";
  readonly retryable = true;
  constructor(waitMs: number) {
    super(`work on the same thing was still going on after ${waitMs} ms`);
  }
}

/** What a piece of work depends on: keys it only reads, and keys it changes. */
export type Keys = { shared: readonly string[]; exclusive: readonly string[] };

/** Keeps the turn beyond the end of the work. */
export type Keep = (until: Promise<unknown>) => void;

type Line = { exclusive: Promise<void> | undefined; shared: Set<Promise<void>> };

/**
 * Work that depends on the same key happens in the order it came: who changes a key is alone with it, who only reads it
 * shares. Other work runs side by side. All keys are queued for at once, so nobody can wait in a circle.
 */
export class Turns {
  readonly #lines = new Map<string, Line>();
  readonly #waitMs: number;

  /** `waitMs`: how long work waits for its turn. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /**
   * Runs the work when its turn has come. Its failure is passed on and ends its turn as well. Work may give its result
   * and still keep its turn until a promise, which must not reject, is resolved.
   * @throws NoTurnError its turn did not come in time
   */
  async take<T>({ shared, exclusive }: Keys, work: (keep: Keep) => Promise<T>): Promise<T> {
    const { promise: done, resolve: end } = Promise.withResolvers<void>();
    const { before, leave } = this.#queue(new Set(exclusive), shared, done, end);
    let until: Promise<unknown> | undefined;
    try {
      await this.#turn(before);
      return await work((kept) => {
        until = kept;
      });
    } catch (error) {
      // Who comes after waits for this place alone, so it is kept until all before have left.
      if (error instanceof NoTurnError) until = before;
      throw error;
    } finally {
      if (until === undefined) leave();
      else void until.then(leave);
    }
  }

  /** Keys somebody holds or waits for; for tests of what stays behind. */
  get size(): number {
    return this.#lines.size;
  }

  /** Takes a place in the line of every key, all at the same moment. */
  #queue(alone: ReadonlySet<string>, shared: readonly string[], done: Promise<void>, end: () => void) {
    const together = new Set(shared.filter((key) => !alone.has(key)));
    const before: Promise<void>[] = [];
    for (const key of together) {
      const line = this.#line(key);
      if (line.exclusive !== undefined) before.push(line.exclusive);
      line.shared.add(done);
    }
    for (const key of alone) {
      const line = this.#line(key);
      if (line.exclusive !== undefined) before.push(line.exclusive);
      before.push(...line.shared);
      this.#lines.set(key, { exclusive: done, shared: new Set() });
    }
    const leave = (): void => {
      end();
      for (const key of [...together, ...alone]) this.#leave(key, done);
    };
    return { before: Promise.all(before), leave };
  }

  async #turn(before: Promise<unknown>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const limit = setTimeout(() => reject(new NoTurnError(this.#waitMs)), this.#waitMs);
    try {
      await Promise.race([before, late]);
    } finally {
      clearTimeout(limit);
    }
  }

  #line(key: string): Line {
    const known = this.#lines.get(key);
    if (known) return known;
    const line: Line = { exclusive: undefined, shared: new Set() };
    this.#lines.set(key, line);
    return line;
  }

  #leave(key: string, done: Promise<void>): void {
    const line = this.#lines.get(key);
    if (!line) return;
    line.shared.delete(done);
    if (line.exclusive === done) line.exclusive = undefined;
    if (line.exclusive === undefined && line.shared.size === 0) this.#lines.delete(key);
  }
}
