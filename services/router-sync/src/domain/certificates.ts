import {
  type AcmeChallenge,
  type CertificateMaterial,
  coversHost,
  type EruEvent,
  type RouteTls,
} from "@eru/events";
import { IndexBy } from "./index-by.ts";

/** What hosts without a wish of their own get when a wider route has one. */
const usual = { min: "1.2" };

/**
 * Certificates, and how hosts are served over TLS: the lines `c:<host>`, `t:<host>` and `a:<token>` as a fold of the log.
 * A host has the certificate its route names; otherwise, of those made out for it, the one that is good for longest.
 * Private keys stay sealed here.
 */
export class Certificates {
  readonly #stored = new Map<string, CertificateMaterial>();
  readonly #ordered = new Map<string, readonly string[]>();
  readonly #issued = new Map<string, CertificateMaterial>();
  readonly #challenges = new Map<string, readonly AcmeChallenge[]>();
  readonly #answers = new Map<string, string>();
  /** Every host with a route, and its wish. */
  readonly #routes = new Map<string, RouteTls | undefined>();
  /** Wildcards, and the default, whose route has a wish. */
  readonly #wide = new Set<string>();
  readonly #hostsNaming = new IndexBy<string>();
  readonly #namesFor = new IndexBy<string>();

  /** Takes in an event and returns the keys of lines that may have changed. */
  apply(event: EruEvent): readonly string[] {
    switch (event.type) {
      case "RouteDeclared":
        return this.#route(event.host, event.tls, true);
      case "RouteRemoved":
        return this.#route(event.host, undefined, false);
      case "CertificateStored":
        return this.#change(event.certificate, () => {
          this.#ordered.delete(event.certificate);
          this.#issued.delete(event.certificate);
          this.#stored.set(event.certificate, materialOf(event));
        });
      case "CertificateOrdered":
        return this.#change(event.certificate, () => {
          this.#stored.delete(event.certificate);
          this.#ordered.set(event.certificate, event.hosts);
        });
      case "CertificateRemoved":
        return this.#change(event.certificate, () => {
          this.#stored.delete(event.certificate);
          this.#ordered.delete(event.certificate);
          this.#issued.delete(event.certificate);
        });
      case "AcmeChallengesSet":
        return this.#challenge(event.certificate, event.challenges);
      case "AcmeOrderFailed":
        return this.#challenge(event.certificate, []);
      case "AcmeCertificateIssued":
        return [
          ...this.#challenge(event.certificate, []),
          ...this.#change(event.certificate, () => this.#issued.set(event.certificate, materialOf(event))),
        ];
      default:
        return [];
    }
  }

  /** What the key's line holds; undefined when it shall not be there. */
  json(key: string): string | undefined {
    const name = key.slice(2);
    if (key.startsWith("c:")) return this.#certificateJson(name);
    if (key.startsWith("t:")) return this.#policyJson(name);
    const answer = key.startsWith("a:") ? this.#answers.get(name) : undefined;
    return answer && JSON.stringify({ answer });
  }

  #route(host: string, tls: RouteTls | undefined, there: boolean): string[] {
    const before = nameOf(host, this.#routes.get(host));
    const after = nameOf(host, tls);
    const touched = this.#change(before ?? host, () => {
      if (before !== undefined) this.#hostsNaming.delete(before, host);
      if (there) this.#routes.set(host, tls);
      else this.#routes.delete(host);
      if (after !== undefined) this.#hostsNaming.add(after, host);
    });
    const wasWide = this.#wide.delete(host);
    if (host.startsWith("*") && tls) this.#wide.add(host);
    const narrower =
      wasWide || this.#wide.has(host) ? [...this.#routes.keys()].filter((other) => isBelow(other, host)) : [];
    return [
      ...touched,
      ...(after === undefined ? [] : this.#change(after, () => undefined)),
      `c:${host}`,
      ...[host, ...narrower].map((one) => `t:${one}`),
    ];
  }

  /** Changes what is known of a certificate, and names the lines of every host it was or is good for. */
  #change(name: string, change: () => void): string[] {
    const before = this.#material(name)?.hosts ?? [];
    for (const host of before) this.#namesFor.delete(host, name);
    change();
    const after = this.#material(name)?.hosts ?? [];
    for (const host of after) this.#namesFor.add(host, name);
    return [...new Set([...before, ...after, ...this.#hostsNaming.get(name)])].map((host) => `c:${host}`);
  }

  #challenge(certificate: string, challenges: readonly AcmeChallenge[]): string[] {
    const before = this.#challenges.get(certificate) ?? [];
    for (const { token } of before) this.#answers.delete(token);
    for (const { token, keyAuthorization } of challenges) this.#answers.set(token, keyAuthorization);
    if (challenges.length === 0) this.#challenges.delete(certificate);
    else this.#challenges.set(certificate, challenges);
    return [...before, ...challenges].map(({ token }) => `a:${token}`);
  }

  #material(name: string): CertificateMaterial | undefined {
    const stored = this.#stored.get(name);
    if (stored) return stored;
    const wanted = this.#ordered.has(name) || isAcme(this.#routes.get(name));
    return wanted ? this.#issued.get(name) : undefined;
  }

  #certificateJson(host: string): string | undefined {
    const named = nameOf(host, this.#routes.get(host));
    const names = [...this.#namesFor.get(host)].sort();
    const best = names.reduce<string | undefined>(
      (first, next) => (first === undefined || this.#lastsLonger(next, first) ? next : first),
      undefined,
    );
    const name = named !== undefined && this.#covers(named, host) ? named : best;
    const material = name === undefined ? undefined : this.#material(name);
    return material && JSON.stringify({ name, cert: material.chainPem, sealed: material.sealedKey });
  }

  #lastsLonger(one: string, other: string): boolean {
    return (this.#material(one)?.notAfter ?? "") > (this.#material(other)?.notAfter ?? "");
  }

  #covers(name: string, host: string): boolean {
    const material = this.#material(name);
    return material !== undefined && coversHost(material.hosts, host);
  }

  #policyJson(host: string): string | undefined {
    if (!this.#routes.has(host)) return undefined;
    const tls = this.#routes.get(host);
    if (tls) return JSON.stringify({ min: tls.minVersion });
    // A host found decides alone: it must not fall to what a wider one wants.
    const shadowed = [...this.#wide].some((wide) => isBelow(host, wide));
    return shadowed ? JSON.stringify(usual) : undefined;
  }
}

/** The material alone, of an event that carries it. */
function materialOf(event: CertificateMaterial): CertificateMaterial {
  const { chainPem, sealedKey, hosts, notBefore, notAfter, issuer, fingerprint, keyType } = event;
  return { chainPem, sealedKey, hosts, notBefore, notAfter, issuer, fingerprint, keyType };
}

const isAcme = (tls: RouteTls | undefined): boolean => tls !== undefined && "acme" in tls.certificate;

/** The certificate that a host's route asks for. One got by ACME for a route has the host's name. */
const nameOf = (host: string, tls: RouteTls | undefined): string | undefined =>
  tls && ("name" in tls.certificate ? tls.certificate.name : host);

/** Whether a wildcard, or the default, is wider than the host. */
const isBelow = (host: string, wide: string): boolean =>
  host !== wide && (wide === "*" || (wide.startsWith("*.") && host.endsWith(wide.slice(1))));
