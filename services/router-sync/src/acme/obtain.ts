import type { AcmeChallenge, CertificateMaterial } from "@eru/events";
import { certificateOwner, certificateRequest, checkCertificate, type SealKeys } from "@eru/tls";
import { type AcmeClient, AcmeError, type PendingChallenge } from "./client.ts";

/** One order from beginning to end. */
export type Obtain = {
  /** With its account. */
  client: AcmeClient;
  certificate: string;
  hosts: readonly string[];
  seal: SealKeys;
  /** Lets every load balancer answer these; returns why that did not come about. */
  publish: (challenges: AcmeChallenge[]) => Promise<string | undefined>;
};

/**
 * Orders a certificate with a fresh key, and returns it with the key sealed. The directory looks only when every load
 * balancer answers: which one it reaches is not ours to say.
 * @throws AcmeError with the directory's words, or what kept us from asking it
 */
export async function obtain(order: Obtain): Promise<CertificateMaterial> {
  const { client, certificate, hosts, seal } = order;
  const placed = await client.order(hosts);
  const pending: PendingChallenge[] = [];
  // One after another: each answer brings the nonce of the next question.
  for (const url of placed.authorizations) {
    const asked = await client.challenge(url);
    if (asked) pending.push(asked);
  }
  if (pending.length > 0) {
    const challenges = pending.map(({ host, token, keyAuthorization }) => ({
      host,
      token,
      keyAuthorization,
    }));
    const behind = await order.publish(challenges);
    if (behind !== undefined) throw new AcmeError(behind);
    for (const one of pending) await client.prove(one);
  }
  const request = certificateRequest(hosts);
  const chain = await client.finalize(placed, request.der);
  const checked = checkCertificate({ chain, key: request.keyPem }, Date.now());
  if (!checked.ok) throw new AcmeError(`what the directory issued is not usable: ${checked.fault.message}`);
  const { keyPem, ...open } = checked.certificate;
  const missing = hosts.filter((host) => !open.hosts.includes(host));
  if (missing.length > 0)
    throw new AcmeError(`the directory issued a certificate that is not good for ${missing.join(", ")}`);
  return { ...open, sealedKey: seal.seal(keyPem, certificateOwner(certificate)) };
}
