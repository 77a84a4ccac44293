import { subjects as logSubjects } from "@eru/events";
import { CheckpointAheadError, ConflictError, LogFullError, LogUnavailableError } from "./errors.ts";
import {
  type Append,
  type Appended,
  type Broker,
  duplicateWindowMs,
  type FollowOptions,
  type Log,
  type Page,
  pageMessagesMax,
  type StoredMessage,
} from "./log.ts";
import { MemoryLease } from "./memory-lease.ts";
import { MemoryLive } from "./memory-live.ts";
import { brokerId, checkSubject, type Prepared, prepare, prepareBatch } from "./message.ts";
import { matches } from "./pattern.ts";
import { Signals } from "./signals.ts";

/** What a memory log can be told. */
export type MemoryLogOptions = {
  /** Milliseconds, for stored times and the duplicate window. Absent: time stands still, so ids are remembered for ever. */
  clock?: () => number;
  /** Names this log; two logs of a test that must differ get two names. */
  epoch?: string;
};

/**
 * The log in one process: the same promises as on JetStream, checked by the same contract tests. Deterministic: no timers,
 * no chance, no clock of its own. It can be made full or unreachable to see what its users do then.
 */
export class MemoryLog implements Log {
  readonly #clock: () => number;
  readonly #epoch: string;
  readonly #messages: StoredMessage[] = [];
  readonly #histories = new Map<string, StoredMessage[]>();
  readonly #recent = new Map<string, { seq: number; atMs: number }>();
  readonly #changed = new Signals();
  #messagesMax = Number.POSITIVE_INFINITY;
  #reachable = true;
  #answersLost = false;

  constructor(options: MemoryLogOptions = {}) {
    this.#clock = options.clock ?? (() => 0);
    this.#epoch = options.epoch ?? "1970-01-01T00:00:00.000Z";
  }

  /** Room for this many messages in all; appends beyond throw LogFullError. */
  setCapacity(messagesMax: number): void {
    this.#messagesMax = messagesMax;
  }

  /** While unreachable every operation throws LogUnavailableError and followers get nothing. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    this.#changed.raise();
  }

  /** While lost, appends are stored and throw LogUnavailableError: what a broken connection does to an answer. */
  loseAnswers(lost: boolean): void {
    this.#answersLost = lost;
  }

  async append(append: Append): Promise<Appended> {
    const prepared = prepare(append);
    this.#reach("appending", prepared.id);
    return this.#known(prepared) ?? this.#store(this.#admit([prepared]))[0] ?? unstored(prepared);
  }

  async appendBatch(appends: readonly Append[]): Promise<readonly Appended[]> {
    const batch = prepareBatch(appends);
    this.#reach("appending a batch", batch[0]?.id);
    const known = batch.map((one) => this.#known(one));
    const stored = known.find((one) => one !== undefined);
    if (stored === undefined) return this.#store(this.#admit(batch));
    const missing = known.findIndex((one, index) => one?.seq !== stored.seq - known.indexOf(stored) + index);
    if (missing >= 0)
      throw new ConflictError(batch[missing]?.subject, "a part of the batch had been stored before");
    return known.filter((one) => one !== undefined);
  }

  async read(subject: string, fromSeq: number): Promise<readonly StoredMessage[]> {
    checkSubject(subject);
    this.#reach(`reading ${subject}`);
    return this.#history(subject).filter((message) => message.seq >= fromSeq);
  }

  async last(subject: string): Promise<StoredMessage | undefined> {
    checkSubject(subject);
    this.#reach(`reading ${subject}`);
    return this.#history(subject).at(-1);
  }

  async lastSeq(): Promise<number> {
    this.#reach("asking for its end");
    return this.#messages.length;
  }

  async clock(): Promise<number> {
    this.#reach("asking for its time");
    return this.#clock();
  }

  async epoch(): Promise<string> {
    this.#reach("asking for its epoch");
    return this.#epoch;
  }

  async *follow({ fromSeq, subjects, signal }: FollowOptions): AsyncGenerator<Page> {
    while (!this.#reachable && !signal.aborted) await this.#changed.next(signal);
    if (signal.aborted) return;
    if (fromSeq > this.#messages.length + 1) throw new CheckpointAheadError(fromSeq, this.#messages.length);
    let next = Math.max(1, fromSeq);
    for (let first = true; !signal.aborted; ) {
      const page = this.#page(next, subjects);
      if (this.#reachable && (first || page.messages.length > 0)) {
        first = false;
        next = page.next;
        yield { messages: page.messages, head: page.head };
      } else {
        await this.#changed.next(signal);
      }
    }
  }

  followAssignments(options: { node: string; fromSeq: number; signal: AbortSignal }): AsyncIterable<Page> {
    const { node, fromSeq, signal } = options;
    return this.follow({ fromSeq, signal, subjects: [logSubjects.assignment(node)] });
  }

  #page(from: number, subjects: readonly string[] | undefined) {
    const messages: StoredMessage[] = [];
    let next = from;
    while (next <= this.#messages.length && messages.length < pageMessagesMax) {
      const message = this.#messages[next - 1];
      next++;
      if (message && (subjects?.some((pattern) => matches(pattern, message.subject)) ?? true))
        messages.push(message);
    }
    return { messages, next, head: next > this.#messages.length };
  }

  #history(subject: string): readonly StoredMessage[] {
    return this.#histories.get(subject) ?? [];
  }

  /** The place of a message that is already stored: by its expectation for ever, by its id within the window. */
  #known({ subject, id, expectedLastSeq }: Prepared): Appended | undefined {
    const recent = this.#recent.get(brokerId(subject, id));
    if (recent && this.#clock() - recent.atMs < duplicateWindowMs)
      return { seq: recent.seq, duplicate: true };
    const history = this.#history(subject);
    if (expectedLastSeq === undefined || (history.at(-1)?.seq ?? 0) <= expectedLastSeq) return undefined;
    const follower = history.find((message) => message.seq > expectedLastSeq);
    return follower?.messageId === id ? { seq: follower.seq, duplicate: true } : undefined;
  }

  #admit(batch: readonly Prepared[]): readonly Prepared[] {
    for (const { subject, expectedLastSeq } of batch) {
      const actual = this.#history(subject).at(-1)?.seq ?? 0;
      if (expectedLastSeq !== undefined && expectedLastSeq !== actual)
        throw new ConflictError(subject, `expected last sequence ${expectedLastSeq}, it is ${actual}`);
    }
    if (this.#messages.length + batch.length > this.#messagesMax)
      throw new LogFullError(`it holds ${this.#messages.length} of ${this.#messagesMax} messages`);
    return batch;
  }

  #store(batch: readonly Prepared[]): Appended[] {
    const places = batch.map(({ subject, id, body }) => {
      const seq = this.#messages.length + 1;
      const message: StoredMessage = { subject, seq, messageId: id, body, storedMs: this.#clock() };
      this.#messages.push(message);
      const history = this.#histories.get(subject);
      if (history) history.push(message);
      else this.#histories.set(subject, [message]);
      this.#recent.set(brokerId(subject, id), { seq, atMs: this.#clock() });
      return { seq, duplicate: false };
    });
    this.#changed.raise();
    if (this.#answersLost) throw new LogUnavailableError("waiting for the answer to an append", batch[0]?.id);
    return places;
  }

  #reach(doing: string, messageId?: string): void {
    if (!this.#reachable) throw new LogUnavailableError(doing, messageId);
  }
}

/** A broker in one process: log, live messages and leases that all its users share. */
export class MemoryBroker implements Broker {
  readonly log: MemoryLog;
  readonly live = new MemoryLive();
  readonly lease = new MemoryLease();
  #connected = true;

  constructor(options: MemoryLogOptions = {}) {
    this.log = new MemoryLog(options);
  }

  connected(): boolean {
    return this.#connected;
  }

  /** Cuts everybody off from the broker, or lets them back. What was stored stays; live messages meanwhile are lost. */
  setReachable(reachable: boolean): void {
    this.#connected = reachable;
    this.log.setReachable(reachable);
    this.live.setReachable(reachable);
  }

  async close(): Promise<void> {
    this.#connected = false;
  }
}

const unstored = ({ subject }: Prepared): never => {
  throw new Error(`invariant broken: nothing was stored for ${subject}`);
};
