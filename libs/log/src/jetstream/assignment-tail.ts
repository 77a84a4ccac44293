import { liveSubjects } from "@eru/events";
import type { Msg, Subscription } from "@nats-io/transport-node";
import type { StoredMessage } from "../log.ts";
import { messageIdOf } from "../message.ts";
import { Signals } from "../signals.ts";
import type { Connection } from "./connection.ts";
import { fromStream } from "./live.ts";

/** Republished messages that may wait here; beyond, they are forgotten and read back from the stream. */
const backlogMax = 2_000;

type Republished = { message: StoredMessage; previousSeq: number };

/**
 * The republished assignments of one node as they come. Each names the one before it, so that what is missing shows:
 * `missingSeq` is then a sequence that must be read from the stream.
 */
export class AssignmentTail {
  /** Raised when something came or must be read back. */
  readonly changed = new Signals();
  readonly #subscription: Subscription;
  #waiting: Republished[] = [];
  #missingSeq = 0;
  #failure: Error | undefined;

  constructor(connection: Connection, subject: string, node: string) {
    const liveSubject = liveSubjects.assignment(node);
    this.#subscription = connection.subscribe(liveSubject, {
      receive: (msg) => {
        if (!fromStream(msg)) this.#push(subject, msg);
        this.changed.raise();
      },
      refused: (error) => {
        this.#failure = error;
        this.changed.raise();
      },
    });
  }

  /** A stored sequence that is known to exist and did not come in order; 0 for none. */
  get missingSeq(): number {
    return this.#missingSeq;
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Says that the history has this sequence, however it came to be known. */
  mustHave(seq: number): void {
    this.#missingSeq = Math.max(this.#missingSeq, seq);
    this.changed.raise();
  }

  /** What follows `lastSeq` without a gap. A gap sets `missingSeq`. */
  take(lastSeq: number): StoredMessage[] {
    if (this.#failure) throw this.#failure;
    const inOrder: StoredMessage[] = [];
    let last = lastSeq;
    for (const { message, previousSeq } of this.#waiting) {
      if (message.seq <= last) continue;
      if (previousSeq > last) this.#missingSeq = Math.max(this.#missingSeq, message.seq);
      if (previousSeq > last) break;
      inOrder.push(message);
      last = message.seq;
    }
    this.#waiting = this.#waiting.filter(({ message }) => message.seq > last);
    return inOrder;
  }

  close(): void {
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
  }

  #push(subject: string, msg: Msg): void {
    const seq = Number(msg.headers?.get("Nats-Sequence"));
    const previousSeq = Number(msg.headers?.get("Nats-Last-Sequence"));
    if (!Number.isSafeInteger(seq) || seq < 1) return; // Not republished by the stream.
    const messageId = messageIdOf(msg.headers?.get("Nats-Msg-Id") ?? "");
    if (this.#waiting.length >= backlogMax) {
      this.#waiting = [];
      this.#missingSeq = Math.max(this.#missingSeq, seq);
    }
    const storedMs = Date.parse(msg.headers?.get("Nats-Time-Stamp") ?? "");
    this.#waiting.push({ message: { subject, seq, messageId, body: msg.string(), storedMs }, previousSeq });
  }
}
