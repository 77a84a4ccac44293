import type { Cause, CertificateMaterial, EruEvent, RecordedEvent } from "@eru/events";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const retryFirstMs = 5 * minuteMs;
const retryMostMs = 24 * hourMs;
const askedMostMs = 7 * 24 * hourMs;
/** A certificate that is old when it comes is not asked for again at once. */
export const renewGapMs = hourMs;

/** A certificate is renewed when two thirds of its life are over. */
export function renewAtMs({ notBefore, notAfter }: { notBefore: string; notAfter: string }): number {
  const fromMs = Date.parse(notBefore);
  return fromMs + ((Date.parse(notAfter) - fromMs) * 2) / 3;
}

/** How long to wait after so many failures in a row, at least as long as the directory asks. */
export const failurePauseMs = (failures: number, askedMs = 0): number =>
  Math.max(
    Math.min(retryMostMs, retryFirstMs * 2 ** Math.min(failures - 1, 30)),
    Math.min(askedMostMs, askedMs),
  );

/** An order to make. */
export type DueOrder = {
  readonly certificate: string;
  readonly hosts: readonly string[];
  /** In a row, so far. */
  readonly failures: number;
  /** The newest message of the certificate's ACME history; 0 for none. */
  readonly lastSeq: number;
  /** The wish. */
  readonly cause: Cause;
};

type Wish = { hosts: readonly string[]; cause: Cause };
type Failed = { failures: number; retryAtMs: number };
type Issued = Pick<CertificateMaterial, "hosts" | "notBefore" | "notAfter"> & { atMs: number };

/**
 * Which certificates shall be got from an ACME directory, and when: a fold of the log, so that any load balancer can go on
 * where another stopped. What another directory issued or refused does not count.
 */
export class AcmeOrders {
  readonly #directory: string;
  readonly #gapMs: number;
  readonly #wishes = new Map<string, Wish>();
  readonly #issued = new Map<string, Issued>();
  readonly #failed = new Map<string, Failed>();
  readonly #lastSeqs = new Map<string, number>();
  #account: { sealedKey: string; accountUrl: string } | undefined;
  #accountSeq = 0;

  constructor(directory: string, gapMs = renewGapMs) {
    this.#directory = directory;
    this.#gapMs = gapMs;
  }

  /** The account with the directory, and the newest message of its history. */
  get account(): { known: { sealedKey: string; accountUrl: string } | undefined; lastSeq: number } {
    return { known: this.#account, lastSeq: this.#accountSeq };
  }

  /** Takes the next event of the log in; true when it may change what is due. */
  apply({ event, seq, meta, cause, id }: RecordedEvent): boolean {
    const by = { correlationId: cause.correlationId, causationId: id };
    switch (event.type) {
      case "CertificateOrdered":
        this.#failed.delete(event.certificate); // Who asks again wants it tried now.
        return this.#wish(event.certificate, { hosts: event.hosts, cause: by });
      case "CertificateStored":
      case "CertificateRemoved":
        this.#issued.delete(event.certificate);
        return this.#wish(event.certificate, undefined);
      case "RouteDeclared":
        return this.#wish(event.host, wantsAcme(event) ? { hosts: [event.host], cause: by } : undefined);
      case "RouteRemoved":
        return this.#wish(event.host, undefined);
      case "AcmeAccountRegistered":
        if (event.directory === this.#directory) {
          this.#account = { sealedKey: event.sealedKey, accountUrl: event.accountUrl };
          this.#accountSeq = seq;
        }
        return true;
      case "AcmeChallengesSet":
        this.#lastSeqs.set(event.certificate, seq);
        return true;
      case "AcmeCertificateIssued": {
        this.#lastSeqs.set(event.certificate, seq);
        const { hosts, notBefore, notAfter } = event;
        this.#failed.delete(event.certificate);
        if (event.directory === this.#directory)
          this.#issued.set(event.certificate, { hosts, notBefore, notAfter, atMs: Date.parse(meta.time) });
        else this.#issued.delete(event.certificate);
        return true;
      }
      case "AcmeOrderFailed":
        this.#lastSeqs.set(event.certificate, seq);
        if (event.directory === this.#directory)
          this.#failed.set(event.certificate, {
            failures: event.failures,
            retryAtMs: Date.parse(event.retryAt),
          });
        return true;
      default:
        return false;
    }
  }

  /** The orders to make at `nowMs`, those of certificates that end first before others. */
  due(nowMs: number): DueOrder[] {
    return [...this.#wishes]
      .filter(([name, wish]) => this.#dueAtMs(name, wish) <= nowMs)
      .sort(([a], [b]) => this.#endsAt(a).localeCompare(this.#endsAt(b)) || (a < b ? -1 : 1))
      .map(([certificate, { hosts, cause }]) => ({
        certificate,
        hosts,
        failures: this.#failed.get(certificate)?.failures ?? 0,
        lastSeq: this.#lastSeqs.get(certificate) ?? 0,
        cause,
      }));
  }

  /** When something is due next; undefined when nothing is wanted. */
  nextAtMs(): number | undefined {
    const times = [...this.#wishes].map(([name, wish]) => this.#dueAtMs(name, wish));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** A new wish is tried at once; a route that only changes otherwise does not cut a pause short. */
  #wish(name: string, wish: Wish | undefined): boolean {
    if (!wish) return this.#wishes.delete(name);
    if (!this.#wishes.has(name)) this.#failed.delete(name);
    this.#wishes.set(name, wish);
    return true;
  }

  #dueAtMs(name: string, { hosts }: Wish): number {
    const issued = this.#issued.get(name);
    const whole = issued !== undefined && hosts.every((host) => issued.hosts.includes(host));
    const wantedAtMs = whole ? Math.max(renewAtMs(issued), issued.atMs + this.#gapMs) : 0;
    return Math.max(wantedAtMs, this.#failed.get(name)?.retryAtMs ?? 0);
  }

  #endsAt(name: string): string {
    return this.#issued.get(name)?.notAfter ?? "";
  }
}

const wantsAcme = (event: Extract<EruEvent, { type: "RouteDeclared" }>): boolean =>
  event.tls !== undefined && "acme" in event.tls.certificate;
