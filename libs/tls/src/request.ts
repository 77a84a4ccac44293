import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import * as der from "./der.ts";

const dayMs = 86_400_000;
const ids = {
  commonName: der.objectId("2.5.4.3"),
  subjectAltName: der.objectId("2.5.29.17"),
  extensionRequest: der.objectId("1.2.840.113549.1.9.14"),
};
const ecdsaWithSha256 = der.sequence(der.objectId("1.2.840.10045.4.3.2"));
const version1 = der.integer(Buffer.from([0]));
const version3 = der.element(0xa0, der.integer(Buffer.from([2])));

const pemOf = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }).toString();
const freshKeys = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" });

/** A fresh key on P-256, as PKCS #8 PEM. */
export const newKeyPem = (): string => pemOf(freshKeys().privateKey);

/** Asks for a certificate for these hosts (PKCS #10), with a fresh key: the request as DER, the key as PKCS #8 PEM. */
export function certificateRequest(hosts: readonly string[]): { der: Buffer; keyPem: string } {
  const { publicKey, privateKey } = freshKeys();
  const wanted = der.element(
    0xa0,
    der.sequence(ids.extensionRequest, der.set(der.sequence(subjectAltName(hosts)))),
  );
  const body = der.sequence(
    version1,
    der.sequence(),
    publicKey.export({ format: "der", type: "spki" }),
    wanted,
  );
  return { der: signed(body, privateKey), keyPem: pemOf(privateKey) };
}

/** A certificate that nobody trusts, for connections to hosts there is none for. */
export function placeholderCertificate(nowMs: number): { certPem: string; keyPem: string } {
  const { publicKey, privateKey } = freshKeys();
  const name = der.sequence(der.set(der.sequence(ids.commonName, der.utf8("no certificate for this host"))));
  const body = der.sequence(
    version3,
    der.integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    name,
    der.sequence(der.time(new Date(nowMs - dayMs)), der.time(new Date(nowMs + 3_650 * dayMs))),
    name,
    publicKey.export({ format: "der", type: "spki" }),
    der.element(0xa3, der.sequence(subjectAltName(["placeholder.invalid"]))),
  );
  const text = signed(body, privateKey)
    .toString("base64")
    .replaceAll(/(.{64})(?!$)/g, "$1\n");
  return {
    certPem: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    keyPem: pemOf(privateKey),
  };
}

const signed = (body: Buffer, key: KeyObject): Buffer =>
  der.sequence(body, ecdsaWithSha256, der.bits(sign("sha256", body, key)));

const subjectAltName = (hosts: readonly string[]): Buffer =>
  der.sequence(
    ids.subjectAltName,
    der.octets(der.sequence(...hosts.map((host) => der.element(0x82, Buffer.from(host))))),
  );
