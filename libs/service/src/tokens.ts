import { createHash } from "node:crypto";
import type { UserEvent } from "@eru/events";

/** SHA-256 of a bearer token, hexadecimal: what the log keeps. */
export const hashToken = (token: string): string => createHash("sha256").update(token).digest("hex");

/** Who may call: the fold of the user histories. Tokens themselves are never kept. */
export class Tokens {
  readonly #users = new Map<string, string>();

  apply(event: UserEvent): void {
    if (event.type === "TokenIssued") this.#users.set(event.tokenHash, event.user);
  }

  /** The user of a token; undefined for a token that was never issued. Looked up by digest, so timing tells nothing. */
  userOf(token: string): string | undefined {
    return this.#users.get(hashToken(token));
  }
}
