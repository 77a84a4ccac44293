import type { View } from "../view.ts";
import { type Chunk, type Entry, readNew } from "./entries.ts";

/** Events kept for clients that are up to date. */
const eventsMax = 5_000;
/** Characters of them all. */
const charsMax = 8 * 1024 * 1024;

/**
 * The newest events as they are sent, made once for all clients. Read from the tables after each commit, so that nothing
 * is sent that a crash could take back. A client that is further behind reads the tables itself.
 */
export class Recent {
  #entries: Entry[] = [];
  #chars = 0;
  /** Entries are all that came after this sequence. */
  #afterSeq = 0;
  #upTo = 0;

  /** Takes in what was committed. */
  advance(view: View): void {
    if (view.seq <= this.#upTo) {
      if (view.seq < this.#upTo) this.#restart(view.seq); // Another log.
      return;
    }
    const news = readNew(view, this.#upTo, eventsMax);
    if (!news) {
      this.#restart(view.seq);
      return;
    }
    this.#entries.push(...news);
    for (const { text } of news) this.#chars += text.length;
    this.#upTo = view.seq;
    this.#trim();
  }

  /** Forgets what is kept, when nobody listens. */
  skip(seq: number): void {
    this.#restart(seq);
  }

  /** What came after a sequence; undefined when not all of it is kept. */
  after(seq: number): Chunk | undefined {
    if (seq < this.#afterSeq) return undefined;
    return { entries: this.#entries.slice(this.#firstAfter(seq)), upTo: this.#upTo };
  }

  #firstAfter(seq: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drops the oldest messages, whole. */
  #trim(): void {
    if (this.#entries.length <= eventsMax && this.#chars <= charsMax) return;
    const half = this.#entries[this.#entries.length >> 1]?.seq ?? this.#upTo;
    this.#entries = this.#entries.slice(this.#firstAfter(half));
    this.#chars = this.#entries.reduce((sum, { text }) => sum + text.length, 0);
    this.#afterSeq = half;
  }

  #restart(seq: number): void {
    this.#entries = [];
    this.#chars = 0;
    this.#afterSeq = seq;
    this.#upTo = seq;
  }
}
