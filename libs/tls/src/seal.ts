import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { AppError, SealedText } from "@eru/events";
import { z } from "zod";

const algorithm = "aes-256-gcm";
const form = "eru1";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

const KeyId = z.string().regex(/^[A-Za-z0-9-]{1,32}$/);
const SealFile = z
  .strictObject({
    /** The key that new secrets are sealed under. */
    current: KeyId,
    /** All keys that something may still be sealed under, base64. */
    keys: z.record(
      KeyId,
      z.string().refine((text) => Buffer.from(text, "base64").length === keyBytes, "not 32 bytes of base64"),
    ),
  })
  .refine(({ current, keys }) => Object.hasOwn(keys, current), "`current` names no key of `keys`");

/** The file of seal keys cannot be used. The message names the file and never its content. */
export class SealFileError extends AppError {
  readonly code = "config"; // The process cannot start with it.
  readonly retryable = false;
}

/** A sealed text that these keys do not open: another key, another owner, or damaged. */
export class SealError extends AppError {
  readonly code = "seal";
  readonly retryable = false;
}

/**
 * Seals secrets for the log and opens them: AES-256-GCM under a key of the zone. A sealed text is bound to its owner (the
 * certificate's name), so that it cannot be moved to another.
 */
export class SealKeys {
  readonly #current: string;
  readonly #keys: ReadonlyMap<string, Buffer>;

  private constructor({ current, keys }: z.infer<typeof SealFile>) {
    this.#current = current;
    this.#keys = new Map(Object.entries(keys).map(([id, text]) => [id, Buffer.from(text, "base64")]));
  }

  /**
   * The keys in a file that only its owner can read.
   * @throws SealFileError it is not there, damaged, or open to others
   */
  static read(path: string): SealKeys {
    let text: string;
    try {
      if ((statSync(path).mode & 0o077) !== 0)
        throw new SealFileError(`others can get at the seal keys in ${path}: chmod 600 it`);
      text = readFileSync(path, "utf8");
    } catch (cause) {
      if (cause instanceof SealFileError) throw cause;
      throw new SealFileError(`cannot read the seal keys in ${path}: ${(cause as Error).message}`);
    }
    const keys = SealKeys.#parse(text);
    if (!keys) throw new SealFileError(`the seal keys in ${path} are damaged: restore the file`);
    return keys;
  }

  /** Keys from the text of such a file; for tests and for who has just made it. */
  static fromText(text: string): SealKeys {
    const keys = SealKeys.#parse(text);
    if (!keys) throw new SealFileError("the seal keys are damaged");
    return keys;
  }

  static #parse(text: string): SealKeys | undefined {
    try {
      return new SealKeys(SealFile.parse(JSON.parse(text)));
    } catch {
      return undefined; // What parsers say about it quotes keys.
    }
  }

  /** Encrypts under the current key. */
  seal(secret: string, owner: string): string {
    const id = this.#current;
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#key(id), nonce).setAAD(bound(id, owner));
    const encrypted = Buffer.concat([cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${form}.${id}.${nonce.toString("base64url")}.${encrypted.toString("base64url")}`;
  }

  /** @throws SealError */
  open(sealed: string, owner: string): string {
    if (!SealedText.safeParse(sealed).success) throw new SealError("not a sealed text");
    const [, id = "", nonce = "", encrypted = ""] = sealed.split(".");
    const bytes = Buffer.from(encrypted, "base64url");
    const decipher = createDecipheriv(algorithm, this.#key(id), Buffer.from(nonce, "base64url"))
      .setAAD(bound(id, owner))
      .setAuthTag(bytes.subarray(-tagBytes));
    try {
      return decipher.update(bytes.subarray(0, -tagBytes), undefined, "utf8") + decipher.final("utf8");
    } catch {
      throw new SealError(`what is sealed for ${owner} is damaged, or sealed for somebody else`);
    }
  }

  #key(id: string): Buffer {
    const key = this.#keys.get(id);
    if (key) return key;
    throw new SealError(`there is no seal key ${id} here: bring this machine's file up to date`);
  }
}

/** Whom the key of a certificate is sealed for. */
export const certificateOwner = (certificate: string): string => `certificate:${certificate}`;

const bound = (id: string, owner: string): Buffer => Buffer.from(`${form}.${id}.${owner}`);

/**
 * The text of a file of seal keys with a new current key. `before` is the file so far: its keys stay, because the log
 * holds what is sealed under them. Given undefined, a first key is made.
 * @throws SealFileError `before` is damaged
 */
export function withNewSealKey(before: string | undefined): string {
  if (before !== undefined) SealKeys.fromText(before);
  const keys: Record<string, string> = before === undefined ? {} : JSON.parse(before).keys;
  const current = `k${Object.keys(keys).length + 1}-${randomBytes(3).toString("hex")}`;
  return `${JSON.stringify({ current, keys: { ...keys, [current]: randomBytes(keyBytes).toString("base64") } }, undefined, 2)}\n`;
}
