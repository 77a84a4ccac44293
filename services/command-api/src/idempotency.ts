import { createHash } from "node:crypto";
import { canonical } from "./domain/same.ts";

/** What an `Idempotency-Key` may look like: a token of HTTP, which is also safe as a message id. */
export const idempotencyKey = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

/** Tells a repeated request from another one under the same key: who asks for what, whatever the order of keys. */
export const digestOf = (request: {
  user: string;
  method: string;
  route: string;
  params: unknown;
  query: unknown;
  body: unknown;
}): string => createHash("sha256").update(canonical(request)).digest("hex");

const idChars = 6;

/** The id of the deployment that a command makes: the same command makes the same one, however often it is sent. */
export function deploymentIdOf(app: string, entrypoint: string, commandId: string): string {
  const number = createHash("sha256").update(commandId).digest().readBigUInt64BE();
  return `${app}-${entrypoint}-${number.toString(36).padStart(idChars, "0").slice(-idChars)}`;
}
