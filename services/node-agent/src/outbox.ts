import {
  AppError,
  type Cause,
  type FactEvent,
  messageBytesMax,
  type NewMessage,
  subjects,
} from "@eru/events";
import { ConflictError, type Log, LogFullError, LogUnavailableError } from "@eru/log";
import { backOffMs, type Logger, Wake } from "@eru/service";
import { compact } from "./domain/compact.ts";

/** Facts in one message. */
const batchFactsMax = 500;
/** Bytes of facts in one message; the rest is for the envelope of each. */
const batchBytesMax = messageBytesMax / 2;
/** Waiting facts beyond which those that later ones have overtaken are dropped. */
const waitingMax = 5_000;
/** Waits between two tries while the log does not take a message. */
const retryFirstMs = 100;
const retryMostMs = 5_000;

/** Another process reports facts as this node: two agents of one name would undo each other's work. */
export class SecondAgentError extends AppError {
  readonly code = "second_agent";
  readonly retryable = false;
  constructor(node: string, options?: ErrorOptions) {
    super(
      `another agent writes the facts of node ${node}: stop it, or give this machine a name of its own (ERU_NODE)`,
      options,
    );
  }
}

type Waiting = { fact: FactEvent; cause: Cause | undefined };

export type OutboxDeps = {
  node: string;
  log: Log;
  /** The newest message of the node's own history. */
  lastSeq: number;
  newId: () => string;
  time: () => string;
  logger: Logger;
  /** Told of every fact that the log has taken. */
  appended?: (fact: FactEvent) => void;
};

/**
 * Facts on their way to the log, in order. What comes while an append is in flight goes into the next message, so a burst
 * of facts costs few appends. While the log is away they wait here; nothing but overtaken states is ever dropped.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #wake = new Wake();
  readonly #ending = new AbortController();
  #waiting: Waiting[] = [];
  #lastSeq: number;
  #inFlight = 0;
  #closed = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#lastSeq = deps.lastSeq;
  }

  push(facts: readonly Waiting[]): void {
    if (facts.length === 0) return;
    this.#waiting.push(...facts);
    if (this.#waiting.length > waitingMax) this.#waiting = compact(this.#waiting);
    this.#wake.raise();
  }

  /** Facts that are not in the log yet. */
  size(): number {
    return this.#waiting.length + this.#inFlight;
  }

  /** No more will come: `run` returns when all are stored, at the latest after `limitMs`. */
  close(limitMs: number): void {
    this.#closed = true;
    const timer = setTimeout(() => this.#ending.abort(), limitMs);
    timer.unref();
    this.#wake.raise();
  }

  /**
   * Appends until it is closed.
   * @throws SecondAgentError
   */
  async run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const batch = this.#take();
      if (batch.length > 0) await this.#append(batch);
      else if (this.#closed) return;
      else await this.#wake.next(signal);
    }
    if (this.size() > 0)
      this.#deps.logger.warn(
        { facts: this.size() },
        "facts are not in the log: the next start finds them out",
      );
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { fact } of this.#waiting) {
      bytes += Buffer.byteLength(JSON.stringify(fact));
      if (count === batchFactsMax || (count > 0 && bytes > batchBytesMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** The same id until the answer is known: a message that was stored without our knowing is not stored again. */
  async #append(batch: readonly Waiting[]): Promise<void> {
    const { node, log, logger, appended } = this.#deps;
    const message = this.#message(batch);
    const { signal } = this.#ending;
    this.#inFlight = batch.length;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const append = { subject: subjects.fact(node), message, expectedLastSeq: this.#lastSeq };
        const stored = await unless(signal, log.append(append));
        if (!stored) return;
        this.#lastSeq = stored.seq;
        this.#inFlight = 0;
        for (const { fact } of batch) appended?.(fact);
        return;
      } catch (error) {
        if (error instanceof ConflictError) throw new SecondAgentError(node, { cause: error });
        if (!(error instanceof LogUnavailableError || error instanceof LogFullError)) throw error;
        logger.warn({ err: error, waiting: this.size(), attempt }, "the log takes no facts: they wait");
        const limitMs = backOffMs(attempt, retryFirstMs, retryMostMs);
        await new Wake().next(signal, limitMs);
      }
    }
  }

  #message(batch: readonly Waiting[]): NewMessage {
    const { node, newId, time } = this.#deps;
    const id = newId();
    const own = { correlationId: id, causationId: id };
    return {
      meta: { id, time: time(), actor: `agent:${node}` },
      events: batch.map(({ fact, cause }) => ({ event: fact, cause: cause ?? own })),
    };
  }
}

/** The promise's value, or undefined when the signal aborts first. */
async function unless<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => aborted.resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
