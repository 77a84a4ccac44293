import {
  CertificateName,
  certificateHostsMax,
  chainCharactersMax,
  HostName,
  type RouteTls,
  subjects,
} from "@eru/events";
import { Problem } from "@eru/service";
import { certificateOwner, checkCertificate, type SealKeys } from "@eru/tls";
import { z } from "zod";
import { type CertificateCommand, certificate as decider } from "../domain/certificate.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";

/** Longest private key in PEM; RSA with 8,192 bits has 6,400 characters. */
const keyCharactersMax = 16_384;

const Given = z.strictObject({
  chain: z
    .string()
    .max(chainCharactersMax)
    .describe("PEM: the host's certificate, then each one's signer; the root may be left out."),
  key: z
    .string()
    .max(keyCharactersMax)
    .describe("The private key in PEM, not encrypted. It is sealed before anything is recorded."),
});
const Hosts = z.strictObject({
  hosts: z.array(HostName).min(1).max(certificateHostsMax).describe("Exact names; no wildcards."),
});
const tag = "certificates";
const params = z.strictObject({ certificate: CertificateName });
const ids = { certificate: CertificateName };

/** Commands about certificates. Without seal keys none can be stored. */
export function certificateRoutes(deps: RouteDeps, seal: SealKeys | undefined): void {
  commandRoute(deps, {
    name: "StoreCertificate",
    method: "PUT",
    url: "/v1/certificates/:certificate",
    tag,
    summary: "Store a certificate with its key",
    description:
      "Replaces the one of this name. Load balancers use it for the hosts in its subjectAltName from then on; connections under way go on.",
    params,
    body: Given,
    ids,
    command: ({ params: { certificate }, body }) =>
      command(certificate, {
        type: "StoreCertificate",
        certificate,
        material: sealed(certificate, body, seal, deps.handling.now()),
      }),
  });
  commandRoute(deps, {
    name: "OrderCertificate",
    method: "PUT",
    url: "/v1/certificates/:certificate/order",
    tag,
    summary: "Get a certificate from the ACME directory, and renew it in time",
    description:
      "Recorded when it is ordered; `GET /v1/certificates/:certificate` of the projector says what became of it. Ordered again it is tried at once, whatever failed before.",
    params,
    body: Hosts,
    ids,
    command: ({ params: { certificate }, body: { hosts } }) => ({
      reads: [],
      writes: [subjects.certificate(certificate)],
      decide: (intent) => decide(intent, { type: "OrderCertificate", certificate, hosts, acme: intent.acme }),
    }),
  });
  commandRoute(deps, {
    name: "RemoveCertificate",
    method: "DELETE",
    url: "/v1/certificates/:certificate",
    tag,
    summary: "Remove a certificate",
    description: "Refused while a route names it.",
    params,
    ids,
    command: ({ params: { certificate } }) => ({
      // A route that names it reads its history, so none is declared at this moment.
      reads: [],
      writes: [subjects.certificate(certificate)],
      decide: (intent) => {
        const routes = [...intent.routes].flatMap(([host, route]) =>
          route.phase === "declared" && names(route.content.tls, certificate) ? [host] : [],
        );
        return decide(intent, { type: "RemoveCertificate", certificate, routes });
      },
    }),
  });
}

const command = (certificate: string, asked: CertificateCommand): Command => ({
  reads: [],
  writes: [subjects.certificate(certificate)],
  decide: (intent) => decide(intent, asked),
});

const decide = (intent: Intent, asked: CertificateCommand) =>
  about(
    subjects.certificate(asked.certificate),
    { certificate: asked.certificate },
    decider.decide(intent.certificates.get(asked.certificate), asked),
  );

const names = (tls: RouteTls | undefined, certificate: string): boolean =>
  tls !== undefined && "name" in tls.certificate && tls.certificate.name === certificate;

/** The checked certificate with its key sealed; what is not sound is answered at once, without the key. */
function sealed(
  name: string,
  given: z.output<typeof Given>,
  seal: SealKeys | undefined,
  now: Date,
): Extract<CertificateCommand, { type: "StoreCertificate" }>["material"] {
  if (!seal)
    throw new Problem(
      503,
      "no_seal_key",
      "this server has no seal key, so it takes no private keys: set ERU_SEAL_KEY_FILE and restart it",
    );
  const checked = checkCertificate(given, now.getTime());
  if (!checked.ok) {
    const { code, field, message } = checked.fault;
    throw new Problem(422, `certificate_${code}`, `the ${field} of certificate \`${name}\`: ${message}`, {
      faults: [{ field, message }],
    });
  }
  const { keyPem, ...open } = checked.certificate;
  return { ...open, sealedKey: seal.seal(keyPem, certificateOwner(name)) };
}
