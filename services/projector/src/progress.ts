import type { Views } from "./views.ts";

/** The head may move without the view for this long until the service says that it is not ready. */
const stallMs = 10_000;
/** Requests that may wait for a sequence at a time. */
const waitersMax = 1_000;

/** What came of waiting for a sequence. */
export type Waited = "reached" | "late" | "stopped" | "crowded";

/** How far the view is behind the log, and who waits for it. The clock is monotonic milliseconds from outside. */
export class Progress {
  readonly #views: Views;
  readonly #now: () => number;
  readonly #waiting = new Set<{ seq: number; done: (waited: Waited) => void }>();
  #headSeq = 0;
  #stopped: string | undefined;
  #targetSeq = 0;
  #movedAtMs: number;

  constructor(views: Views, now: () => number) {
    this.#views = views;
    this.#now = now;
    this.#movedAtMs = now();
  }

  /** The sequence queries answer from; 0 when none can. */
  get seq(): number {
    return this.#views.serving?.seq ?? 0;
  }

  /** The newest sequence of the log that is known of. */
  get headSeq(): number {
    return Math.max(this.#headSeq, this.#views.target.seq);
  }

  /** Messages in the log that queries do not see yet. */
  get lag(): number {
    return Math.max(0, this.headSeq - this.seq);
  }

  /** Why the view does not go on, when it does not. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  /** The log has grown, as far as is known. A log that was replaced is shorter. */
  sawHead(headSeq: number): void {
    this.#headSeq = headSeq;
    this.#look();
  }

  /** The view has moved: whoever waited for a sequence up to its own is answered. */
  moved(): void {
    this.#look();
    for (const waiter of this.#waiting) if (waiter.seq <= this.seq) this.#finish(waiter, "reached");
  }

  /** The view does not go on until the program is another. */
  stop(why: string): void {
    this.#stopped = why;
    for (const waiter of this.#waiting) this.#finish(waiter, "stopped");
  }

  /** Waits until queries see the sequence. */
  async waitFor(seq: number, timeoutMs: number): Promise<Waited> {
    if (seq <= this.seq) return "reached";
    if (this.#stopped !== undefined) return "stopped";
    if (this.#waiting.size >= waitersMax) return "crowded";
    const { promise, resolve } = Promise.withResolvers<Waited>();
    const waiter = { seq, done: resolve };
    this.#waiting.add(waiter);
    const timer = setTimeout(() => this.#finish(waiter, "late"), timeoutMs);
    const waited = await promise;
    clearTimeout(timer);
    return waited;
  }

  /** Why the service cannot do its work now; undefined when it can. */
  notReady(): string | undefined {
    if (this.#stopped !== undefined) return this.#stopped;
    const { target, rebuilding, serving } = this.#views;
    if (rebuilding)
      return `the view is being built: at sequence ${target.seq} of ${this.headSeq}, queries answer ${
        serving ? `as of ${serving.seq}` : "when it is done"
      }`;
    const stillMs = this.#now() - this.#movedAtMs;
    if (this.headSeq > target.seq && stillMs > stallMs)
      return `the log is at sequence ${this.headSeq}, the view has stood at ${target.seq} for ${Math.round(stillMs / 1000)} s`;
    return undefined;
  }

  #look(): void {
    const { seq } = this.#views.target;
    if (seq !== this.#targetSeq || seq >= this.#headSeq) this.#movedAtMs = this.#now();
    this.#targetSeq = seq;
  }

  #finish(waiter: { done: (waited: Waited) => void; seq: number }, waited: Waited): void {
    this.#waiting.delete(waiter);
    waiter.done(waited);
  }
}
