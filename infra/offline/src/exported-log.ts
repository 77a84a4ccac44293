import { type Log, LogUnavailableError, type Page, type StoredMessage } from "@eru/log";

/** A log that is what it is: everything can be read, nothing is appended, nothing comes. */
export class ExportedLog implements Log {
  readonly #messages: readonly StoredMessage[];

  /** Messages without content are passed over. */
  constructor(messages: readonly StoredMessage[]) {
    this.#messages = messages.filter(({ body }) => body !== "");
  }

  async append(): Promise<never> {
    throw new LogUnavailableError("recording something: an exported log is for dry runs");
  }

  async appendBatch(): Promise<never> {
    return await this.append();
  }

  async read(subject: string, fromSeq: number): Promise<readonly StoredMessage[]> {
    return this.#messages.filter((one) => one.subject === subject && one.seq >= fromSeq);
  }

  async last(subject: string): Promise<StoredMessage | undefined> {
    return this.#messages.findLast((one) => one.subject === subject);
  }

  async lastSeq(): Promise<number> {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  async clock(): Promise<number> {
    return 0;
  }

  async epoch(): Promise<string> {
    return new Date(0).toISOString();
  }

  async *follow({ fromSeq, signal }: { fromSeq: number; signal: AbortSignal }): AsyncGenerator<Page> {
    if (signal.aborted) return;
    yield { messages: this.#messages.filter(({ seq }) => seq >= fromSeq), head: true };
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  followAssignments(options: { fromSeq: number; signal: AbortSignal }): AsyncIterable<Page> {
    return this.follow(options);
  }
}
