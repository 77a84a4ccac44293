import { messageBytesMax, type NewMessage } from "@eru/events";

/**
 * A message as it is stored. `body` is what `encodeMessage` made; `decodeMessage` reads it. `storedMs` is when it was stored
 * by the log's own clock, in milliseconds since 1970, wherever a reader is told: `follow` always tells.
 */
export type StoredMessage = {
  subject: string;
  seq: number;
  messageId: string;
  body: string;
  storedMs?: number;
};

/** One message for one history. */
export type Append = {
  subject: string;
  message: NewMessage;
  /**
   * The sequence of the newest message of exactly this subject as the writer knows it, 0 for none: the append is refused
   * with ConflictError when another came in between. Absent: append whatever is there (only for a subject with a single
   * writer process, whose messages do not depend on each other).
   */
  expectedLastSeq?: number;
};

/** Where an append was stored. `duplicate`: the same message id had been stored before, and this is its place. */
export type Appended = { seq: number; duplicate: boolean };

/** Messages in order. `head`: nothing newer existed when the page was made, so the reader is up to date. */
export type Page = { messages: readonly StoredMessage[]; head: boolean };

export type FollowOptions = {
  /** The first sequence wanted; 1 for all. */
  fromSeq: number;
  /** Exact subjects or patterns with `*` and `>`; absent: the whole log. */
  subjects?: readonly string[];
  signal: AbortSignal;
};

/**
 * The one ordered truth of a zone. Every promise here is checked by the contract tests, on the memory implementation and
 * on JetStream with one and with three servers.
 */
export interface Log {
  /**
   * Stores one message. When the promise resolves it is durable. A message id names a message of its subject: repeated
   * with the same `expectedLastSeq` it is answered with the first one's place for ever, repeated without within the
   * duplicate window. An answer that does not come is asked for again with the same id until `retryMs`.
   * @throws ConflictError another message came first
   * @throws LogUnavailableError no answer in time: whether it was stored is unknown, append the same id again to find out
   * @throws LogFullError the log refuses because it is out of room
   * @throws MessageTooLargeError the body is larger than `bodyBytesMax`
   */
  append(append: Append): Promise<Appended>;
  /**
   * Stores messages of one or more subjects, all or none, in order and next to each other; `batchMessagesMax` of them
   * everywhere, up to `largeBatchMessagesMax` where the server is set up for it. Of several messages for one subject only the
   * first may name an `expectedLastSeq`. Errors as `append`; a ConflictError names the subject that moved when that can be
   * told.
   * @throws BatchTooLargeError the server takes no more than `batchMessagesMax`: nothing was stored
   * @returns the place of each message
   */
  appendBatch(appends: readonly Append[]): Promise<readonly Appended[]>;
  /** The history of exactly one subject from a sequence on, read through the leader: what was acknowledged is there. */
  read(subject: string, fromSeq: number): Promise<readonly StoredMessage[]>;
  /** The newest message of exactly one subject, through the leader. */
  last(subject: string): Promise<StoredMessage | undefined>;
  /** The sequence of the newest message of the whole log, 0 when it is empty. */
  lastSeq(): Promise<number>;
  /** The time by the clock that `storedMs` is read from, in milliseconds since 1970. It may step like any clock. */
  clock(): Promise<number>;
  /** Names this log: when it was created, ISO 8601. A log that was lost and made anew has another. */
  epoch(): Promise<string>;
  /**
   * Pages from `fromSeq` on: first what is stored, then what comes, in order, without gap or repetition, across
   * reconnects and server restarts. A first page comes at once, also when nothing is stored. Ends when the signal aborts.
   * @throws CheckpointAheadError the log ends before `fromSeq - 1`
   */
  follow(options: FollowOptions): AsyncIterable<Page>;
  /**
   * Pages of one assignment history without a consumer on the server: its stored part, then the stream's republished
   * messages; a gap is read back, and so is everything once a minute. Same promises as `follow`.
   */
  followAssignments(options: { node: string; fromSeq: number; signal: AbortSignal }): AsyncIterable<Page>;
}

/** Messages that are never stored: heartbeats, questions. */
export interface Live {
  /** At most once, nobody may be listening. */
  publish(subject: string, body: string): void;
  /** Ends when the signal aborts. A slow reader loses the oldest beyond 10,000 waiting messages. */
  subscribe(subject: string, signal: AbortSignal): AsyncIterable<{ subject: string; body: string }>;
  /** @throws LogUnavailableError nobody answered in time */
  request(subject: string, body: string, timeoutMs: number): Promise<string>;
  /** Answers requests until the signal aborts; one of the group gets each. An answer that throws is logged nowhere: do not throw. */
  respond(options: {
    subject: string;
    group: string;
    signal: AbortSignal;
    answer: (body: string) => string | Promise<string>;
  }): Promise<void>;
}

/** A lease that only saves wasted work; nothing depends on it for safety. */
export interface Lease {
  /**
   * Waits until this process holds the lease. The returned signal aborts when it cannot be sure to hold it any more:
   * 10 s after the last confirmed renewal by its own monotonic clock, before the 15 s of the server end.
   */
  acquire(name: string, signal: AbortSignal): Promise<AbortSignal>;
}

/** A connection to the broker with all it offers. */
export interface Broker {
  readonly log: Log;
  readonly live: Live;
  readonly lease: Lease;
  /** True while connected. */
  connected(): boolean;
  close(): Promise<void>;
}

/** Messages in one atomic batch that every server takes. */
export const batchMessagesMax = 1_000;
/** The same of a server that is set up as ours are, with `jetstream.limits.batch.max_msgs`. */
export const largeBatchMessagesMax = 10_000;

/** Bytes of one message's body: the stream's limit less room for headers. */
export const bodyBytesMax = messageBytesMax - 1_024;

/** How long a message id is remembered, in milliseconds. */
export const duplicateWindowMs = 5 * 60_000;

/** Messages in one page of `follow`. */
export const pageMessagesMax = 500;

/** Messages a live subscriber may lag behind before it loses the oldest. */
export const liveBacklogMax = 10_000;
