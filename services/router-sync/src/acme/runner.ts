import { createHash } from "node:crypto";
import { type AcmeEvent, AppError, type Cause, type RecordedEvent, subjects } from "@eru/events";
import { type Broker, ConflictError, type Log } from "@eru/log";
import { type Logger, pause, Wake } from "@eru/service";
import { newKeyPem, SealError } from "@eru/tls";
import { AcmeOrders, type DueOrder, failurePauseMs } from "../domain/acme-orders.ts";
import { AcmeClient, AcmeError } from "./client.ts";
import { ElbsHeard } from "./elbs-heard.ts";
import { obtain } from "./obtain.ts";
import type { AcmeSettings } from "./settings.ts";

type RunnerDeps = AcmeSettings & { elb: string; newId: () => string; log: Logger };

const leaseName = "acme";
/** After a clock that was set, what is due is found so late at most. */
const lookEveryMs = 10 * 60_000;
const retryLogMs = 2_000;
/** How long load balancers may take to have a challenge in force. */
const barrierMostMs = 60_000;
const errorCharactersMax = 4_096;

/**
 * Gets certificates from an ACME directory and renews them, one order at a time. Of all router-syncs one does, under a
 * lease; the sequence of each certificate's history keeps two apart that both believe to have it.
 */
export class AcmeRunner {
  readonly #deps: RunnerDeps;
  readonly #orders: AcmeOrders;
  readonly #elbs = new ElbsHeard();
  readonly #changed = new Wake();
  #caughtUp = false;
  #seenSeq = 0;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
    this.#orders = new AcmeOrders(deps.directory, deps.renewGapMs);
  }

  /** Takes the next event of the log in. */
  apply(recorded: RecordedEvent): void {
    this.#orders.apply(recorded);
    this.#seenSeq = recorded.seq;
    this.#changed.raise();
  }

  /** All that is in the log was taken in. */
  caughtUp(): void {
    this.#caughtUp = true;
    this.#changed.raise();
  }

  /** Returns when the signal aborts. */
  async run(broker: Broker, signal: AbortSignal): Promise<void> {
    await Promise.all([this.#elbs.listen(broker.live, signal), this.#lead(broker, signal)]);
  }

  async #lead(broker: Broker, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const held = await broker.lease.acquire(leaseName, signal);
      if (held.aborted) continue;
      this.#deps.log.info({ directory: this.#deps.directory }, "gets the zone's certificates");
      await this.#work(broker.log, AbortSignal.any([signal, held]));
    }
  }

  async #work(log: Log, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nowMs = Date.now();
      const due = this.#caughtUp ? this.#orders.due(nowMs)[0] : undefined;
      if (due) await this.#try(log, due, signal);
      else {
        const waitMs = (this.#orders.nextAtMs() ?? Number.POSITIVE_INFINITY) - nowMs;
        await this.#changed.next(signal, this.#caughtUp ? Math.min(waitMs, lookEveryMs) : lookEveryMs);
      }
    }
  }

  /** One order. What the log did not take is found again: the order is still due. */
  async #try(log: Log, due: DueOrder, signal: AbortSignal): Promise<void> {
    try {
      const last = await log.last(subjects.acme(due.certificate));
      // Another wrote meanwhile: what is due is another thing then.
      const seq =
        last !== undefined && last.seq > due.lastSeq ? last.seq : await this.#make(log, due, signal);
      while (this.#seenSeq < seq && !signal.aborted) await this.#changed.next(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ConflictError || (error instanceof AppError && error.retryable))) throw error;
      this.#deps.log.warn({ err: error, certificate: due.certificate }, "cannot record an order yet");
      await pause(retryLogMs, signal);
    }
  }

  /** Makes the order, and puts on record what became of it; returns where. */
  async #make(log: Log, due: DueOrder, signal: AbortSignal): Promise<number> {
    const { certificate, hosts, cause } = due;
    const { directory, seal } = this.#deps;
    const of = { certificate, directory };
    let lastSeq = due.lastSeq;
    const record = async (event: AcmeEvent) => {
      lastSeq = await this.#append(log, { subject: subjects.acme(certificate), event, cause, lastSeq });
      return lastSeq;
    };
    this.#deps.log.info({ ...of, hosts, ...cause }, "orders a certificate");
    try {
      const client = await this.#client(log, cause, signal);
      const material = await obtain({
        client,
        certificate,
        hosts,
        seal,
        publish: async (challenges) => {
          const seq = await record({ type: "AcmeChallengesSet", ...of, challenges });
          return await this.#elbs.reached(seq, barrierMostMs, signal);
        },
      });
      const seq = await record({ type: "AcmeCertificateIssued", ...of, ...material });
      this.#deps.log.info({ ...of, notAfter: material.notAfter, ...cause }, "certificate issued");
      return seq;
    } catch (error) {
      if (signal.aborted || !(error instanceof AcmeError || error instanceof SealError)) throw error;
      const failures = due.failures + 1;
      const askedMs = error instanceof AcmeError ? error.retryAfterMs : undefined;
      const retryAt = new Date(Date.now() + failurePauseMs(failures, askedMs)).toISOString();
      const said = error.message.slice(0, errorCharactersMax);
      this.#deps.log.warn({ ...of, failures, retryAt, err: error, ...cause }, "no certificate was got");
      return await record({
        ...{ type: "AcmeOrderFailed", ...of },
        ...{ hosts: [...hosts], failures, error: said, retryAt },
      });
    }
  }

  /** A client with the zone's account, which is opened when there is none. */
  async #client(log: Log, cause: Cause, signal: AbortSignal): Promise<AcmeClient> {
    const { directory, email, seal } = this.#deps;
    const { known, lastSeq } = this.#orders.account;
    const owner = `acme-account:${directory}`;
    const keyPem = known ? seal.open(known.sealedKey, owner) : newKeyPem();
    const client = await AcmeClient.open(directory, keyPem, signal);
    const accountUrl = await client.register(email);
    if (known?.accountUrl !== accountUrl) {
      const sealedKey = known?.sealedKey ?? seal.seal(keyPem, owner);
      const event = { type: "AcmeAccountRegistered", directory, accountUrl, sealedKey } as const;
      const subject = subjects.acmeAccount(accountName(directory));
      await this.#append(log, { subject, event, cause, lastSeq });
    }
    return client;
  }

  async #append(
    log: Log,
    { subject, event, cause, lastSeq }: { subject: string; event: AcmeEvent; cause: Cause; lastSeq: number },
  ): Promise<number> {
    const { elb, newId } = this.#deps;
    const meta = { id: newId(), time: new Date().toISOString(), actor: `elb:${elb}` };
    const message = { meta, events: [{ event, cause }] };
    const { seq } = await log.append({ subject, message, expectedLastSeq: lastSeq });
    return seq;
  }
}

const accountName = (directory: string): string =>
  createHash("sha256").update(directory).digest("hex").slice(0, 32);
