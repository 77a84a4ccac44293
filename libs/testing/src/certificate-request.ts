import "reflect-metadata"; // The library below asks for it, and does not import it.
import { createPublicKey, type KeyObject } from "node:crypto";
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from "@peculiar/x509";

/** The hosts a request (PKCS #10, DER) is for, and the key to certify; undefined when its signature is not that key's. */
export async function hostsAndKeyOf(
  der: Uint8Array,
): Promise<{ hosts: string[]; publicKey: KeyObject } | undefined> {
  const csr = new Pkcs10CertificateRequest(new Uint8Array(der));
  if (!(await csr.verify())) return undefined;
  const names = csr.extensions.find((one) => one instanceof SubjectAlternativeNameExtension);
  const hosts = names?.names.items.flatMap(({ type, value }) => (type === "dns" ? [value] : [])) ?? [];
  const key = Buffer.from(csr.publicKey.rawData);
  return { hosts, publicKey: createPublicKey({ key, format: "der", type: "spki" }) };
}
