import { AppError } from "@eru/events";
import { SealKeys } from "@eru/tls";

/** What it takes to get certificates. */
export type AcmeSettings = {
  directory: string;
  email: string;
  seal: SealKeys;
  /** Between two orders of one certificate that came, in ms; tests shorten it. */
  renewGapMs?: number;
};

/** Settings that only make sense together, and are not all there. */
class AcmeConfigError extends AppError {
  readonly code = "config";
  readonly retryable = false;
}

type Environment = {
  ERU_ACME_DIRECTORY?: string | undefined;
  ERU_ACME_EMAIL?: string | undefined;
  ERU_ACME_AGREE?: "yes" | undefined;
  ERU_SEAL_KEY_FILE?: string | undefined;
};

/**
 * The settings; undefined when no directory is named.
 * @throws AcmeConfigError something is missing
 */
export function acmeSettings(environment: Environment): AcmeSettings | undefined {
  const { ERU_ACME_DIRECTORY: directory, ERU_ACME_EMAIL: email, ERU_SEAL_KEY_FILE: file } = environment;
  if (directory === undefined) return undefined;
  const needs = (name: string, why: string) =>
    new AcmeConfigError(`ERU_ACME_DIRECTORY is set, so ${name} is needed: ${why}`);
  if (environment.ERU_ACME_AGREE !== "yes")
    throw needs("ERU_ACME_AGREE=yes", "it agrees to the terms of the directory's operator");
  if (email === undefined)
    throw needs("ERU_ACME_EMAIL", "the directory's operator writes there when something is wrong");
  if (file === undefined) throw needs("ERU_SEAL_KEY_FILE", "private keys go into the log sealed alone");
  return { directory, email, seal: SealKeys.read(file) };
}
