import { decodeMessage, type NewEvent, type RecordedEvent } from "@eru/events";
import type { Append, Appended, StoredMessage } from "@eru/log";
import { MemoryLog } from "@eru/log/memory";

/** What stands in the log, decoded once for all simulated readers. */
export type Entry = { stored: StoredMessage; events: readonly RecordedEvent[]; atMs: number };

/** The in-memory log with the time of each message, and somebody who looks at each as it is stored. */
export class SimLog {
  readonly log = new MemoryLog({ clock: () => this.nowMs });
  readonly entries: Entry[] = [];
  readonly #pages = this.log
    .follow({ fromSeq: 1, signal: new AbortController().signal })
    [Symbol.asyncIterator]();
  readonly #stored: (entry: Entry) => void;
  /** Called when all of an append is stored, before its writer knows: it may throw to end the writer there. */
  appended: (actor: string) => void = () => {};
  #ids = 0;
  nowMs = 0;

  constructor(stored: (entry: Entry) => void) {
    this.#stored = stored;
  }

  get head(): number {
    return this.entries.length;
  }

  /** The virtual clock as writers put it into their messages. */
  time(): string {
    return new Date(this.nowMs).toISOString();
  }

  nextId(): string {
    return `sim-${++this.#ids}`;
  }

  /** @throws ConflictError as the log does */
  async batch(appends: readonly Append[]): Promise<readonly Appended[]> {
    const places = await this.log.appendBatch(appends);
    await this.#collect();
    this.appended(appends[0]?.message.meta.actor ?? "");
    return places;
  }

  async append(
    subject: string,
    actor: string,
    events: readonly NewEvent[],
    time = this.time(),
  ): Promise<void> {
    await this.log.append({ subject, message: { meta: { id: this.nextId(), time, actor }, events } });
    await this.#collect();
    this.appended(actor);
  }

  async #collect(): Promise<void> {
    const end = await this.log.lastSeq();
    while (this.entries.length < end) {
      const { value: page } = await this.#pages.next();
      for (const stored of page?.messages ?? []) {
        const entry = { stored, events: decodeMessage(stored), atMs: this.nowMs };
        this.entries.push(entry);
        this.#stored(entry);
      }
    }
  }
}

/** A reader's place in the log: in order and complete, but late, and now and then again from before. */
export class Cursor {
  at = 0;

  /** What is delivered now: everything, or in rough times only a part of it, with what was delivered already before. */
  take(log: SimLog, rough: { upTo: number; again: number } | undefined): readonly Entry[] {
    const to = rough ? Math.min(log.head, this.at + rough.upTo) : log.head;
    const from = Math.max(0, this.at - (rough?.again ?? 0));
    this.at = to;
    return log.entries.slice(from, to);
  }
}
