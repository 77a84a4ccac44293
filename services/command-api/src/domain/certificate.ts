import {
  accept,
  type CertificateEvent,
  type CertificateMaterial,
  coversHost,
  type Decider,
  isProvableHost,
  type RouteTls,
  refuse,
  unreachable,
} from "@eru/events";
import { names, type Refusal } from "./refusal.ts";

/** A certificate as its history tells it. What ACME got for it is another history. */
export type Certificate =
  | { phase: "absent" }
  | { phase: "stored"; fingerprint: string; chainPem: string; hosts: readonly string[] }
  | { phase: "ordered"; hosts: readonly string[] }
  | { phase: "removed" };

/** What may be asked of a certificate. */
export type CertificateCommand =
  | { type: "StoreCertificate"; certificate: string; material: CertificateMaterial }
  /** `acme`: whether the zone gets certificates from an ACME directory. */
  | { type: "OrderCertificate"; certificate: string; hosts: readonly string[]; acme: boolean }
  /** `routes`: hosts whose route names it. */
  | { type: "RemoveCertificate"; certificate: string; routes: readonly string[] };

/** Storing replaces what was, ordered ones too; the key of the same certificate is the same key. */
export const certificate: Decider<Certificate, CertificateCommand, CertificateEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (_state, event) => {
    switch (event.type) {
      case "CertificateStored": {
        const { fingerprint, chainPem, hosts } = event;
        return { phase: "stored", fingerprint, chainPem, hosts };
      }
      case "CertificateOrdered":
        return { phase: "ordered", hosts: event.hosts };
      case "CertificateRemoved":
        return { phase: "removed" };
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    const { certificate } = command;
    switch (command.type) {
      case "StoreCertificate": {
        const { material } = command;
        const known =
          state.phase === "stored" &&
          state.fingerprint === material.fingerprint &&
          state.chainPem === material.chainPem;
        return known ? accept() : accept({ type: "CertificateStored", certificate, ...material });
      }
      case "OrderCertificate": {
        const hosts = [...new Set(command.hosts)].sort();
        const fault = acmeFault(hosts, command.acme);
        if (fault) return refuse(fault);
        // Its hosts would be served nothing until the order comes through, if it does.
        if (state.phase === "stored") return refuse({ code: "certificate_stored", certificate });
        // Ordered again it is recorded again: who asks wants the next try now.
        return accept({ type: "CertificateOrdered", certificate, hosts });
      }
      case "RemoveCertificate":
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse({ code: "certificate_unknown", certificate });
        if (command.routes.length > 0)
          return refuse({ code: "certificate_in_use", certificate, hosts: names(command.routes) });
        return accept({ type: "CertificateRemoved", certificate });
      default:
        return unreachable(command);
    }
  },
};

/** Why certificates for these hosts cannot be ordered. */
function acmeFault(hosts: readonly string[], acme: boolean): Refusal | undefined {
  const impossible = hosts.find((host) => !isProvableHost(host));
  if (impossible !== undefined) return { code: "acme_host_impossible", host: impossible };
  return acme ? undefined : { code: "acme_unavailable", host: hosts[0] ?? "" };
}

/** Why a host cannot be served with the certificate its route names. */
export function tlsFault(
  host: string,
  tls: RouteTls | undefined,
  { certificate: state, acme }: { certificate: Certificate; acme: boolean },
): Refusal | undefined {
  if (!tls) return undefined;
  if ("acme" in tls.certificate) {
    const fault = acmeFault([host], acme);
    return fault && { ...fault, at: "tls.certificate.acme" };
  }
  const { name: certificate } = tls.certificate;
  const at = "tls.certificate.name";
  if (state.phase === "absent" || state.phase === "removed")
    return { code: "certificate_unknown", certificate, at };
  if (coversHost(state.hosts, host)) return undefined;
  return { code: "certificate_other_hosts", certificate, host, hosts: names(state.hosts), at };
}
