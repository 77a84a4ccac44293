import { z } from "zod";
import { HostName } from "./names.ts";

/** A certificate's name, unique in the zone: the one a route names it by. */
export const CertificateName = z
  .string()
  .min(1, "a certificate name must not be empty")
  .max(63, "a certificate name has at most 63 characters")
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    "a certificate name consists of lower-case letters, digits and inner dashes",
  );

/** A secret as the log may hold it: encrypted under the zone's seal key, whose id it names. */
export const SealedText = z
  .string()
  .max(32_768)
  .regex(
    /^eru1\.[A-Za-z0-9-]{1,32}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/,
    "not a sealed text (eru1.<key id>.<nonce>.<encrypted>)",
  );

/** Most host names of one certificate. */
export const certificateHostsMax = 100;
/** Most characters of a certificate with its chain. */
export const chainCharactersMax = 65_536;

const Hosts = z.array(HostName).min(1).max(certificateHostsMax);

/** A certificate with its key. Everything but the key is public, and in clear. */
export const CertificateMaterial = z.strictObject({
  /** PEM: the host's certificate first, each next one signed the one before. */
  chainPem: z.string().max(chainCharactersMax),
  /** The private key as PKCS #8 PEM, sealed. */
  sealedKey: SealedText,
  /** The names it is good for, exact or `*.` with one label, in order. */
  hosts: Hosts,
  /** ISO 8601. */
  notBefore: z.string(),
  notAfter: z.string(),
  issuer: z.string().max(1_024),
  /** SHA-256 of the host's certificate, hexadecimal. */
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  /** As people say it: `RSA 2048`, `EC prime256v1`. */
  keyType: z.string().max(64),
});
export type CertificateMaterial = z.infer<typeof CertificateMaterial>;

/** Whether a certificate for these names is good for the host; a wildcard stands for one label. */
export const coversHost = (names: readonly string[], host: string): boolean =>
  names.includes(host) || (!host.startsWith("*") && names.includes(host.replace(/^[^.]+/, "*")));

/** What users want of certificates. */
export const CertificateEvent = z.discriminatedUnion("type", [
  /** From now on this is the certificate of the name, whatever was before. */
  z.strictObject({
    type: z.literal("CertificateStored"),
    certificate: CertificateName,
    ...CertificateMaterial.shape,
  }),
  /** From now on the name's certificate is got from the ACME directory, and renewed in time. */
  z.strictObject({ type: z.literal("CertificateOrdered"), certificate: CertificateName, hosts: Hosts }),
  z.strictObject({ type: z.literal("CertificateRemoved"), certificate: CertificateName }),
]);
export type CertificateEvent = z.infer<typeof CertificateEvent>;

/** The name of an ACME certificate: the one it was ordered by, or the host of the route that asks for it. */
const AcmeName = z.union([CertificateName, HostName]);

/** Where an ACME directory is. What is sent there is signed, but what it answers must not be changed on the way. */
export const AcmeDirectoryUrl = z
  .url()
  .max(512)
  .refine((text) => {
    const { protocol, hostname } = new URL(text);
    const here = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
    return protocol === "https:" || (protocol === "http:" && here);
  }, "wanted an https address (http is taken for one on this machine)");

/**
 * Whether an ACME directory can look at the host over HTTP-01: an exact name of at least two labels. A wildcard would need
 * another kind of proof, and a name of one label is nobody's.
 */
export const isProvableHost = (host: string): boolean => !host.startsWith("*") && host.includes(".");

/** A token the certificate authority asks for at `http://<host>/.well-known/acme-challenge/<token>`. */
export const AcmeChallenge = z.strictObject({
  host: HostName,
  token: z.string().regex(/^[A-Za-z0-9_-]{16,256}$/),
  /** What is answered. Public: it only proves that the account holder rules the host. */
  keyAuthorization: z.string().regex(/^[A-Za-z0-9_.-]{16,512}$/),
});
export type AcmeChallenge = z.infer<typeof AcmeChallenge>;

/** What the process that gets certificates did. One of all router-syncs at a time writes, under a lease. */
export const AcmeEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("AcmeAccountRegistered"),
    directory: z.url(),
    accountUrl: z.url(),
    /** The account's key, PKCS #8 PEM, sealed. */
    sealedKey: SealedText,
  }),
  /** An order is open: every load balancer answers its challenges until it ended. */
  z.strictObject({
    type: z.literal("AcmeChallengesSet"),
    certificate: AcmeName,
    directory: z.url(),
    challenges: z.array(AcmeChallenge).max(certificateHostsMax),
  }),
  z.strictObject({
    type: z.literal("AcmeCertificateIssued"),
    certificate: AcmeName,
    directory: z.url(),
    ...CertificateMaterial.shape,
  }),
  /** What is in use stays in use; the next try is not before `retryAt`. */
  z.strictObject({
    type: z.literal("AcmeOrderFailed"),
    certificate: AcmeName,
    directory: z.url(),
    hosts: Hosts,
    /** Failures in a row. */
    failures: z.int().min(1),
    /** The authority's own words, or what kept us from asking it. */
    error: z.string().max(4_096),
    /** ISO 8601. */
    retryAt: z.string(),
  }),
]);
export type AcmeEvent = z.infer<typeof AcmeEvent>;
