import { type CertificateMaterial, type EruEvent, subjects } from "@eru/events";
import { userActor, type World } from "./world.ts";

const material = (host: string, digit: number): CertificateMaterial => ({
  chainPem: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
  sealedKey: `eru1.k1.${"A".repeat(16)}.AAAA`,
  hosts: [host],
  notBefore: "2026-01-01T00:00:00.000Z",
  notAfter: `202${7 + digit}-01-01T00:00:00.000Z`,
  issuer: "CN=Test",
  fingerprint: String(digit).repeat(64),
  keyType: "EC prime256v1",
});
const directory = "https://acme.example.org/directory";

/** Something happens to a certificate: a user changes it, or ACME gets it or does not. */
export function certificateStep(world: World, choose: (below: number) => number): void {
  const certificate = choose(2) === 0 ? "shop" : "wild";
  const host = `${certificate}.example.org`;
  const wishes: EruEvent[] = [
    { type: "CertificateStored", certificate, ...material(host, choose(2)) },
    { type: "CertificateOrdered", certificate, hosts: [host] },
    { type: "CertificateRemoved", certificate },
  ];
  const wish = wishes[choose(wishes.length)];
  if (wish && choose(2) === 0) {
    world.append(subjects.certificate(certificate), userActor, [wish]);
    return;
  }
  const challenge = { host, token: "t".repeat(20), keyAuthorization: `${"t".repeat(20)}.${"k".repeat(43)}` };
  const retryAt = "2026-01-01T01:00:00.000Z";
  const of = { certificate, directory };
  const done: EruEvent[] = [
    { type: "AcmeChallengesSet", ...of, challenges: [challenge] },
    { type: "AcmeCertificateIssued", ...of, ...material(host, choose(2)) },
    { type: "AcmeOrderFailed", ...of, hosts: [host], failures: 1 + choose(2), error: "no route", retryAt },
  ];
  const one = done[choose(done.length)];
  if (one) world.append(subjects.acme(certificate), "elb:e1", [one]);
  const accountUrl = "https://acme.example.org/account/1";
  const sealedKey = `eru1.k1.${"A".repeat(16)}.AAAA`;
  if (choose(4) === 0)
    world.append(subjects.acmeAccount("a1"), "elb:e1", [
      { type: "AcmeAccountRegistered", directory, accountUrl, sealedKey },
    ]);
}
