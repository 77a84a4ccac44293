import "reflect-metadata"; // The library below asks for it, and does not import it.
import { createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

type Pair = webcrypto.CryptoKeyPair;
type Algorithm = { name: "ECDSA"; namedCurve: string } | { name: "RSASSA-PKCS1-v1_5"; bits: number };

/** What an issued certificate shall be like; the rest is usual. */
export type Issue = {
  hosts: readonly string[];
  notBefore?: Date;
  notAfter?: Date;
  /** The key to certify; absent: a fresh one is made. */
  publicKey?: KeyObject;
  /** The kind of a fresh key. */
  algorithm?: Algorithm;
};

const hash = "SHA-256";
const signing = { name: "ECDSA", namedCurve: "P-256", hash } as const;
const dayMs = 86_400_000;

const makeKeys = (algorithm: Algorithm): Promise<Pair> =>
  algorithm.name === "ECDSA"
    ? webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])
    : webcrypto.subtle.generateKey(
        { name: algorithm.name, modulusLength: algorithm.bits, publicExponent: Buffer.from([1, 0, 1]), hash },
        true,
        ["sign", "verify"],
      );

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})(?!$)/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
}

const pem = (one: { toString(format: "pem"): string }): string => `${one.toString("pem").trimEnd()}\n`;

/** A certificate authority of two levels, for tests: clients trust the root, the intermediate signs. */
export class TestAuthority {
  readonly #intermediate: Pair;
  /** PEM of what clients trust. */
  readonly rootPem: string;
  /** PEM of what signs. */
  readonly intermediatePem: string;

  private constructor(intermediate: Pair, rootPem: string, intermediatePem: string) {
    this.#intermediate = intermediate;
    this.rootPem = rootPem;
    this.intermediatePem = intermediatePem;
  }

  static async create(): Promise<TestAuthority> {
    const [root, intermediate] = [await makeKeys(signing), await makeKeys(signing)];
    const common = {
      signingAlgorithm: signing,
      notBefore: new Date(Date.now() - 3_650 * dayMs),
      notAfter: new Date(Date.now() + 3_650 * dayMs),
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    };
    const top = await X509CertificateGenerator.createSelfSigned({
      ...common,
      name: "CN=Test root",
      keys: root,
    });
    const below = await X509CertificateGenerator.create({
      ...common,
      subject: "CN=Test intermediate",
      issuer: "CN=Test root",
      publicKey: intermediate.publicKey,
      signingKey: root.privateKey,
    });
    return new TestAuthority(intermediate, pem(top), pem(below));
  }

  /** A certificate with its chain, and its key unless the public one was given. */
  async issue(wanted: Issue): Promise<{ leafPem: string; chainPem: string; keyPem: string }> {
    const keys = wanted.publicKey ? undefined : await makeKeys(wanted.algorithm ?? signing);
    const publicKey = keys?.publicKey ?? (await importPublic(wanted.publicKey));
    const leaf = await X509CertificateGenerator.create({
      subject: `CN=${wanted.hosts[0] ?? "nobody"}`,
      issuer: "CN=Test intermediate",
      notBefore: wanted.notBefore ?? new Date(Date.now() - dayMs),
      notAfter: wanted.notAfter ?? new Date(Date.now() + 90 * dayMs),
      signingAlgorithm: signing,
      publicKey,
      signingKey: this.#intermediate.privateKey,
      extensions:
        wanted.hosts.length === 0
          ? []
          : [new SubjectAlternativeNameExtension(wanted.hosts.map((value) => ({ type: "dns", value })))],
    });
    const leafPem = pem(leaf);
    return {
      leafPem,
      chainPem: leafPem + this.intermediatePem,
      keyPem: keys ? await keyPem(keys.privateKey) : "",
    };
  }
}

async function importPublic(key: KeyObject | undefined): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(key?.export({ format: "pem", type: "spki" }) ?? "").export({
    format: "der",
    type: "spki",
  });
  return await webcrypto.subtle.importKey("spki", der, { name: "ECDSA", namedCurve: "P-256" }, true, [
    "verify",
  ]);
}
