import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { type CertificateMaterial, certificateHostsMax, chainCharactersMax, HostName } from "@eru/events";

/** What a certificate says, once it proved to be sound. */
export type Certificate = Omit<CertificateMaterial, "sealedKey"> & {
  /** PKCS #8 PEM, in clear. */
  keyPem: string;
};

/** Why a certificate cannot be used, and the field that is at fault. Never with a part of the key. */
export type CertificateFault = {
  code:
    | "chain_unreadable"
    | "chain_order"
    | "key_unreadable"
    | "key_encrypted"
    | "key_kind"
    | "key_mismatch"
    | "expired"
    | "not_yet_valid"
    | "no_hosts"
    | "too_many_hosts";
  field: "chain" | "key";
  message: string;
};

const rsaBitsMin = 2_048;
const rsaBitsMax = 8_192;
const curves: readonly string[] = ["prime256v1", "secp384r1"];
const block = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;

/**
 * Checks a PEM chain and its key as of `nowMs`: order of the chain, validity, host names, kind of key, and that the key is
 * the certificate's. Who signed the last one is not asked: a zone may have an authority of its own.
 */
export function checkCertificate(
  { chain, key }: { chain: string; key: string },
  nowMs: number,
): { ok: true; certificate: Certificate } | { ok: false; fault: CertificateFault } {
  const refuse = (code: CertificateFault["code"], field: CertificateFault["field"], message: string) =>
    ({ ok: false, fault: { code, field, message } }) as const;
  const certificates = parseChain(chain);
  if (typeof certificates === "string") return refuse("chain_unreadable", "chain", certificates);
  const [leaf, ...issuers] = certificates;
  if (!leaf) return refuse("chain_unreadable", "chain", "it holds no certificate in PEM");
  const wrong = certificates.findIndex((one, at) => at > 0 && !signed(one, certificates[at - 1]));
  if (wrong > 0)
    return refuse(
      "chain_order",
      "chain",
      `certificate ${wrong + 1} (${nameOf(certificates[wrong])}) did not sign the one before it (${nameOf(certificates[wrong - 1])}): put the host's own certificate first, then each one's signer`,
    );
  const privateKey = parseKey(key);
  if ("code" in privateKey) return refuse(privateKey.code, "key", privateKey.message);
  const keyType = typeOf(privateKey);
  if (keyType === undefined)
    return refuse(
      "key_kind",
      "key",
      `a key of kind ${privateKey.asymmetricKeyType ?? "unknown"}${sizeOf(privateKey)} is not used: make an EC key on P-256 or P-384, or an RSA key of ${rsaBitsMin} to ${rsaBitsMax} bits`,
    );
  if (!leaf.checkPrivateKey(privateKey))
    return refuse("key_mismatch", "key", `it is not the key of the first certificate (${nameOf(leaf)})`);
  const stale = [leaf, ...issuers].find((one) => one.validToDate.getTime() <= nowMs);
  if (stale)
    return refuse(
      "expired",
      "chain",
      `the certificate ${nameOf(stale)} ended ${stale.validToDate.toISOString()}`,
    );
  if (leaf.validFromDate.getTime() > nowMs)
    return refuse("not_yet_valid", "chain", `it begins ${leaf.validFromDate.toISOString()}: send it then`);
  const hosts = hostsOf(leaf);
  if (hosts.length === 0)
    return refuse("no_hosts", "chain", "it has no DNS name in subjectAltName that a route could have");
  if (hosts.length > certificateHostsMax)
    return refuse("too_many_hosts", "chain", `it has ${hosts.length} hosts, at most ${certificateHostsMax}`);
  return {
    ok: true,
    certificate: {
      chainPem: certificates.map((one) => one.toString()).join(""),
      keyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
      hosts,
      notBefore: leaf.validFromDate.toISOString(),
      notAfter: leaf.validToDate.toISOString(),
      issuer: leaf.issuer.replaceAll("\n", ", ").slice(0, 1_024),
      fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
      keyType,
    },
  };
}

function parseChain(text: string): X509Certificate[] | string {
  if (text.length > chainCharactersMax)
    return `it has ${text.length} characters, at most ${chainCharactersMax}`;
  const blocks = [...text.matchAll(block)];
  const other = blocks.find(([, kind]) => kind !== "CERTIFICATE");
  if (other) return `it holds a ${other[1]}: only certificates belong here, the key is sent as \`key\``;
  if (text.replaceAll(block, "").includes("-----")) return "it is not PEM, or was cut off";
  try {
    return blocks.map(([pem]) => new X509Certificate(pem));
  } catch {
    return "it holds something that is not an X.509 certificate";
  }
}

const signed = (signer: X509Certificate, one: X509Certificate | undefined): boolean => {
  try {
    return one?.checkIssued(signer) === true && one.verify(signer.publicKey);
  } catch {
    return false;
  }
};

const nameOf = (one: X509Certificate | undefined): string =>
  (one?.subject ?? one?.subjectAltName ?? "without a name").replaceAll("\n", ", ").slice(0, 200);

function parseKey(pem: string): KeyObject | { code: "key_unreadable" | "key_encrypted"; message: string } {
  if (/ENCRYPTED/.test(pem))
    return { code: "key_encrypted", message: "it is encrypted: decrypt it first, it is sealed on arrival" };
  try {
    return createPrivateKey(pem);
  } catch {
    // The reason could quote it.
    return { code: "key_unreadable", message: "it is not a private key in PEM" };
  }
}

function typeOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa")
    return modulusLength >= rsaBitsMin && modulusLength <= rsaBitsMax ? `RSA ${modulusLength}` : undefined;
  if (key.asymmetricKeyType === "ec") return curves.includes(namedCurve) ? `EC ${namedCurve}` : undefined;
  return undefined;
}

function sizeOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return modulusLength === undefined ? (namedCurve ? ` (${namedCurve})` : "") : ` (${modulusLength} bits)`;
}

/** The DNS names that can be hosts of routes, in order. */
function hostsOf(leaf: X509Certificate): string[] {
  const names = (leaf.subjectAltName ?? "")
    .split(", ")
    .flatMap((entry) => (entry.startsWith("DNS:") ? entry.slice(4).toLowerCase() : []))
    .filter((name) => name !== "*" && HostName.safeParse(name).success);
  return [...new Set(names)].sort();
}
