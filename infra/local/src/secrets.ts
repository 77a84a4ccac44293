import { createHash, randomBytes } from "node:crypto";
import { withNewSealKey } from "@eru/tls";
import { z } from "zod";
import { LocalError } from "./errors.ts";
import { type Home, readIfThere, writeWhole } from "./home.ts";

/** Made once per installation and kept in a file that only its owner can read. */
export const Secrets = z.strictObject({
  /** Password of each user of the NATS server. */
  natsPasswords: z.record(z.string(), z.string().min(1)),
  /** The bearer token of the user admin. */
  adminToken: z.string().min(1),
});
export type Secrets = z.infer<typeof Secrets>;

const random = () => randomBytes(24).toString("base64url");

/** The installation's secrets; what is missing for these NATS users is made and kept. */
export function ensureSecrets(home: Home, natsUsers: readonly string[]): Secrets {
  const before = readSecrets(home);
  const natsPasswords = { ...before?.natsPasswords };
  for (const user of natsUsers) natsPasswords[user] ??= random();
  const secrets = { natsPasswords, adminToken: before?.adminToken ?? `eru_${random()}` };
  writeWhole(home.secrets, `${JSON.stringify(secrets, undefined, 2)}\n`);
  return secrets;
}

/** Makes the zone's seal keys when there are none. They are never made anew: the log holds what is sealed with them. */
export function ensureSealKeys(home: Home): void {
  if (readIfThere(home.sealKeys) === undefined) writeWhole(home.sealKeys, withNewSealKey(undefined));
}

/** What is kept, undefined before the first start. */
export function readSecrets(home: Home): Secrets | undefined {
  const text = readIfThere(home.secrets);
  if (text === undefined) return undefined;
  try {
    return Secrets.parse(JSON.parse(text));
  } catch {
    // Neither the text nor the parser's words about it: they hold secrets.
    throw new LocalError(
      `${home.secrets} is damaged: restore it, or remove the installation with \`${home.purgeCommand}\``,
    );
  }
}

/** The only form in which a token leaves this directory. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex");
