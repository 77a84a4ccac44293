import { LogUnavailableError, NotPermittedError, StreamMismatchError } from "../errors.ts";
import type { Lease } from "../log.ts";
import { pause } from "../pause.ts";
import { api } from "./api.ts";
import { type Connection, headersOf } from "./connection.ts";
import { UnknownReplyError } from "./publish.ts";
import { verdict } from "./reply.ts";
import { leaseStreamName, leaseSubject } from "./stream-settings.ts";

/** The times of a lease, in milliseconds. */
export type LeaseTimes = {
  /** The server forgets a lease that was not renewed for this long. Whole seconds. */
  ttlMs: number;
  renewEveryMs: number;
  /** After this long without a confirmed renewal the holder stops by its own clock; less than `ttlMs`. */
  sureMs: number;
  /** How often one in line looks whether the lease is free. */
  askEveryMs: number;
};

/** A leader change of the broker stalls writes for up to 7.3 s: shorter times would depose a healthy holder. */
export const leaseTimesDefault: LeaseTimes = {
  ttlMs: 15_000,
  renewEveryMs: 4_000,
  sureMs: 10_000,
  askEveryMs: 1_000,
};

/** One answer about a lease may take this long; shorter than the time between two renewals. */
const answerLimitMs = 2_000;
/** Between two tries to renew while nobody answers. */
const renewAgainMs = 500;
/** A lease that was given back is kept this long, to tell the next one. */
const givenBackTtlMs = 2_000;

const noMessageFound = 10_037;
const streamNotFound = 10_059;

/** In place of a holder's id: its holder gave it back, so the next one need not wait for its end. */
const nobody = "nobody";

type Written = { is: "stored"; seq: number } | { is: "moved" } | { is: "unknown" };

/** Leases as messages with a time to live. Each write expects the holder's own last one, so two cannot both renew. */
export class JetStreamLease implements Lease {
  readonly #connection: Connection;
  readonly #times: LeaseTimes;
  readonly #closing = new AbortController();
  readonly #holding = new Set<Promise<void>>();

  constructor(connection: Connection, times: LeaseTimes = leaseTimesDefault) {
    this.#connection = connection;
    this.#times = times;
  }

  async acquire(name: string, signal: AbortSignal): Promise<AbortSignal> {
    const holder = crypto.randomUUID();
    const sure = new AbortController();
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    let triedAtMs = performance.now();
    while (!ended.aborted) {
      const newest = await this.#newest(name);
      if (newest?.holder === holder) {
        // An earlier write of ours whose answer was lost.
        this.#begin(new Held(name, holder, newest.seq, triedAtMs), sure, ended);
        return sure.signal;
      }
      if (newest && (newest.holder === nobody || newest.seq === 0)) {
        // Our time begins before the write, so it ends before the server's.
        triedAtMs = performance.now();
        const written = await this.#write(name, holder, newest.seq, this.#times.ttlMs);
        if (written.is === "stored") {
          this.#begin(new Held(name, holder, written.seq, triedAtMs), sure, ended);
          return sure.signal;
        }
      }
      await pause(this.#times.askEveryMs, ended);
    }
    sure.abort();
    return sure.signal;
  }

  /** Gives back what is held. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#holding);
  }

  #begin(held: Held, sure: AbortController, ended: AbortSignal): void {
    const over = (): void => {
      sure.abort();
      this.#holding.delete(holding);
    };
    // What made it fail, a permission taken away, is thrown to whoever asks for the lease again.
    const holding = this.#hold(held, sure, ended).then(over, over);
    this.#holding.add(holding);
  }

  /** Renews until the lease is lost, in doubt, or not wanted any more. */
  async #hold(held: Held, sure: AbortController, ended: AbortSignal): Promise<void> {
    const doubt = setInterval(() => {
      if (performance.now() - held.confirmedAtMs >= this.#times.sureMs) sure.abort();
    }, this.#times.sureMs / 100);
    const over = AbortSignal.any([ended, sure.signal]);
    let outcome: "renewed" | "unknown" | "lost" = "renewed";
    while (!over.aborted && outcome !== "lost") {
      await pause(outcome === "renewed" ? this.#times.renewEveryMs : renewAgainMs, over);
      if (!over.aborted) outcome = await this.#renew(held);
    }
    clearInterval(doubt);
    if (outcome === "renewed" && ended.aborted && this.#connection.connected)
      await this.#write(held.name, nobody, held.seq, givenBackTtlMs);
  }

  async #renew(held: Held): Promise<"renewed" | "unknown" | "lost"> {
    const triedAtMs = performance.now();
    const written = await this.#write(held.name, held.holder, held.seq, this.#times.ttlMs);
    if (written.is === "unknown") return "unknown";
    if (written.is === "stored") {
      held.confirm(written.seq, triedAtMs);
      return "renewed";
    }
    const newest = await this.#newest(held.name);
    if (!newest) return "unknown";
    if (newest.holder !== held.holder) return "lost";
    // An earlier renewal whose answer was lost did count; when is not known, so the next one must confirm it.
    held.confirm(newest.seq, held.confirmedAtMs);
    return "unknown";
  }

  async #write(name: string, holder: string, expectedSeq: number, ttlMs: number): Promise<Written> {
    const doing = `write lease ${name}`;
    const said = verdict(
      await this.#connection.ask(leaseSubject(name), holder, {
        timeoutMs: answerLimitMs,
        headers: headersOf({
          "Nats-Expected-Stream": leaseStreamName,
          "Nats-Expected-Last-Subject-Sequence": String(expectedSeq),
          "Nats-TTL": `${Math.ceil(ttlMs / 1_000)}s`,
        }),
      }),
    );
    if (said.is === "stored") return { is: "stored", seq: said.seq };
    if (said.is === "moved") return { is: "moved" };
    if (said.is === "busy" || said.is === "silent" || said.is === "full") return { is: "unknown" };
    if (said.is === "forbidden")
      throw new NotPermittedError(this.#connection.user, doing, { cause: said.error });
    throw new UnknownReplyError(doing, 0, said.is);
  }

  /** Who wrote a lease last, with sequence 0 when nobody did; `undefined` when there is no answer. */
  async #newest(name: string): Promise<{ holder: string; seq: number } | undefined> {
    try {
      const reply = await api<{ message: { seq: number; data?: string } }>(this.#connection, {
        subject: `STREAM.MSG.GET.${leaseStreamName}`,
        body: { last_by_subj: leaseSubject(name) },
        doing: `reading lease ${name}`,
        limitMs: answerLimitMs,
      });
      if (reply.ok)
        return {
          holder: Buffer.from(reply.value.message.data ?? "", "base64").toString(),
          seq: reply.value.message.seq,
        };
      if (reply.code === noMessageFound) return { holder: nobody, seq: 0 };
      if (reply.code === streamNotFound)
        throw new StreamMismatchError(leaseStreamName, [
          { setting: "stream", wanted: "exists", actual: "missing" },
        ]);
      throw new UnknownReplyError(`reading lease ${name}`, reply.code, reply.detail);
    } catch (error) {
      if (error instanceof LogUnavailableError && !this.#connection.nc.isClosed()) return undefined;
      throw error;
    }
  }
}

/** A lease that is held, and since when that is certain. */
class Held {
  readonly name: string;
  readonly holder: string;
  #seq: number;
  #confirmedAtMs: number;

  constructor(name: string, holder: string, seq: number, confirmedAtMs: number) {
    this.name = name;
    this.holder = holder;
    this.#seq = seq;
    this.#confirmedAtMs = confirmedAtMs;
  }

  get seq(): number {
    return this.#seq;
  }

  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  confirm(seq: number, atMs: number): void {
    this.#seq = seq;
    this.#confirmedAtMs = atMs;
  }
}
