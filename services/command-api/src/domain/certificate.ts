import {
  accept,
  type CertificateEvent,
  type CertificateMaterial,
  coversHost,
  type Decider,
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
  /** `routes`: hosts whose route names it. */
  | { type: "RemoveCertificate"; certificate: string; routes: readonly string[] };

/** Storing replaces what was; the key of the same certificate is the same key. */
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

/** Why a host cannot be served with the certificate its route names. */
export function tlsFault(host: string, tls: RouteTls | undefined, state: Certificate): Refusal | undefined {
  if (!tls) return undefined;
  if ("acme" in tls.certificate) return { code: "acme_unavailable", host, at: "tls.certificate.acme" };
  const { name: certificate } = tls.certificate;
  const at = "tls.certificate.name";
  if (state.phase === "absent" || state.phase === "removed")
    return { code: "certificate_unknown", certificate, at };
  if (coversHost(state.hosts, host)) return undefined;
  return { code: "certificate_other_hosts", certificate, host, hosts: names(state.hosts), at };
}
