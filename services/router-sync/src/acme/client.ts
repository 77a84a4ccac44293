import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { AppError } from "@eru/events";
import { pause } from "@eru/service";
import { z } from "zod";

const answerMostMs = 30_000;
const pollEveryMs = 1_000;
const settleMostMs = 90_000;
const wordsMax = 2_000;
/** Longest answer that is read; a chain with its signers is far below. */
const bytesMax = 256 * 1_024;

const Directory = z.object({ newNonce: z.url(), newAccount: z.url(), newOrder: z.url() });
const Fault = z.object({ type: z.string().optional(), detail: z.string().optional() });
const Order = z.object({
  status: z.string(),
  authorizations: z.array(z.url()).max(100),
  finalize: z.url(),
  certificate: z.url().optional(),
  error: Fault.optional(),
});
const Authorization = z.object({
  status: z.string(),
  identifier: z.object({ value: z.string() }),
  challenges: z.array(
    z.object({
      type: z.string(),
      url: z.url(),
      token: z.string().optional(),
      error: Fault.optional(),
    }),
  ),
});

/** The directory said no, or could not be asked. The message is its own words, where it said any. */
export class AcmeError extends AppError {
  readonly code = "acme";
  readonly retryable = true;
  /** The problem's type without its prefix: `badNonce`. */
  readonly kind: string;
  /** How long the directory wants not to be asked. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, problem: { kind?: string; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message.slice(0, wordsMax), { cause: problem.cause });
    this.kind = problem.kind ?? "";
    this.retryAfterMs = problem.retryAfterMs;
  }
}

/** What an order is about. */
export type AcmeOrder = { url: string; authorizations: readonly string[]; finalize: string };
/** What a load balancer shall answer, and where to say that it does. */
export type PendingChallenge = {
  host: string;
  token: string;
  keyAuthorization: string;
  url: string;
  authorization: string;
};

type Answer = { json: unknown; text: string; location: string | undefined };

/** As much of an ACME client (RFC 8555) as orders over HTTP-01 need, for one account. */
export class AcmeClient {
  readonly #key: KeyObject;
  readonly #jwk: Record<string, unknown>;
  readonly #urls: z.infer<typeof Directory>;
  readonly #signal: AbortSignal;
  #account: string | undefined;
  #nonce: string | undefined;

  private constructor(urls: z.infer<typeof Directory>, keyPem: string, signal: AbortSignal) {
    this.#urls = urls;
    this.#key = createPrivateKey(keyPem);
    const { crv, kty, x, y } = createPublicKey(this.#key).export({ format: "jwk" });
    this.#jwk = { crv, kty, x, y }; // In the order a thumbprint wants.
    this.#signal = signal;
  }

  /**
   * Reads the directory. `keyPem`: the account's key, on P-256.
   * @throws AcmeError it cannot be asked, or is no directory
   */
  static async open(directory: string, keyPem: string, signal: AbortSignal): Promise<AcmeClient> {
    const answer = await ask(directory, { method: "GET" }, signal);
    return new AcmeClient(checked(Directory, parsed(await textOf(answer)), directory), keyPem, signal);
  }

  /** Opens the account, or finds the one this key has, and returns its URL. @throws AcmeError */
  async register(email: string): Promise<string> {
    this.#account = undefined; // This one question is signed with the key itself.
    const answer = await this.#post(this.#urls.newAccount, {
      termsOfServiceAgreed: true,
      contact: [`mailto:${email}`],
    });
    if (answer.location === undefined) throw new AcmeError("the directory did not say where the account is");
    this.#account = answer.location;
    return answer.location;
  }

  /** @throws AcmeError */
  async order(hosts: readonly string[]): Promise<AcmeOrder> {
    const identifiers = hosts.map((value) => ({ type: "dns", value }));
    const answer = await this.#post(this.#urls.newOrder, { identifiers });
    const { authorizations, finalize } = checked(Order, answer.json, "a new order");
    if (answer.location === undefined) throw new AcmeError("the directory did not say where the order is");
    return { url: answer.location, authorizations, finalize };
  }

  /** The HTTP-01 challenge of an authorization; undefined when the directory asks for none any more. @throws AcmeError */
  async challenge(authorization: string): Promise<PendingChallenge | undefined> {
    const { json } = await this.#post(authorization, undefined);
    const { status, identifier, challenges } = checked(Authorization, json, "an authorization");
    if (status === "valid") return undefined;
    const host = identifier.value;
    const one = challenges.find(({ type }) => type === "http-01");
    if (one?.token === undefined)
      throw new AcmeError(`the directory offers no HTTP-01 challenge for ${host}, the only kind that is met`);
    const thumbprint = createHash("sha256").update(JSON.stringify(this.#jwk)).digest("base64url");
    return {
      host,
      token: one.token,
      keyAuthorization: `${one.token}.${thumbprint}`,
      url: one.url,
      authorization,
    };
  }

  /** Lets the directory look, and waits for what it says of it. @throws AcmeError with its words */
  async prove({ host, url, authorization }: PendingChallenge): Promise<void> {
    await this.#post(url, {});
    await this.#settled(async () => {
      const { json } = await this.#post(authorization, undefined);
      const { status, challenges } = checked(Authorization, json, "an authorization");
      if (status === "pending") return undefined;
      if (status === "valid") return true;
      const error = challenges.find((one) => one.error)?.error;
      throw new AcmeError(`${host}: ${error?.detail ?? `the authorization is ${status}`}`, {
        kind: kindOf(error?.type),
      });
    });
  }

  /** Sends the request for the certificate, and returns the chain in PEM. @throws AcmeError */
  async finalize({ url, finalize }: AcmeOrder, request: Buffer): Promise<string> {
    await this.#post(finalize, { csr: request.toString("base64url") });
    const certificate = await this.#settled(async () => {
      const { status, certificate, error } = checked(
        Order,
        (await this.#post(url, undefined)).json,
        "an order",
      );
      if (status === "valid" && certificate !== undefined) return certificate;
      if (status === "processing" || status === "ready" || status === "pending") return undefined;
      throw new AcmeError(error?.detail ?? `the order is ${status}`, { kind: kindOf(error?.type) });
    });
    return (await this.#post(certificate, undefined)).text;
  }

  async #settled<T>(look: () => Promise<T | undefined>): Promise<T> {
    const endMs = performance.now() + settleMostMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > endMs)
        throw new AcmeError(`the directory did not come to an end in ${settleMostMs / 1_000} s`);
      await pause(pollEveryMs, this.#signal);
    }
  }

  /** A signed request; without a payload it only asks. A nonce that got too old is replaced once. */
  async #post(url: string, payload: unknown): Promise<Answer> {
    try {
      return await this.#postOnce(url, payload);
    } catch (error) {
      if (!(error instanceof AcmeError && error.kind === "badNonce")) throw error;
      return await this.#postOnce(url, payload);
    }
  }

  async #postOnce(url: string, payload: unknown): Promise<Answer> {
    const nonce = this.#nonce ?? (await this.#freshNonce());
    this.#nonce = undefined;
    const who = this.#account === undefined ? { jwk: this.#jwk } : { kid: this.#account };
    const header = base64({ alg: "ES256", nonce, url, ...who });
    const body = payload === undefined ? "" : base64(payload);
    const signature = sign("sha256", Buffer.from(`${header}.${body}`), {
      key: this.#key,
      dsaEncoding: "ieee-p1363",
    }).toString("base64url");
    const answer = await ask(
      url,
      {
        method: "POST",
        headers: { "content-type": "application/jose+json" },
        body: JSON.stringify({ protected: header, payload: body, signature }),
      },
      this.#signal,
    );
    this.#nonce = answer.headers.get("replay-nonce") ?? undefined;
    const text = await textOf(answer);
    if (!answer.ok) throw refused(answer, text);
    const isJson = answer.headers.get("content-type")?.includes("json") === true;
    return {
      text,
      json: isJson ? parsed(text) : undefined,
      location: answer.headers.get("location") ?? undefined,
    };
  }

  async #freshNonce(): Promise<string> {
    const answer = await ask(this.#urls.newNonce, { method: "HEAD" }, this.#signal);
    const nonce = answer.headers.get("replay-nonce");
    if (nonce === null) throw new AcmeError("the directory gave no nonce");
    return nonce;
  }
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const kindOf = (type: string | undefined): string => type?.replace(/^urn:ietf:params:acme:error:/, "") ?? "";

async function ask(url: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      ...init,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMostMs)]),
    });
  } catch (cause) {
    throw unreachable(url, cause);
  }
}

function unreachable(url: string, cause: unknown): AcmeError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const why = inner instanceof Error ? inner.message : String(inner);
  return new AcmeError(`cannot ask the ACME directory at ${url}: ${why}`, { cause });
}

/** The body; what is too long is not read on. */
async function textOf(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of answer.body ?? []) {
      bytes += part.length;
      if (bytes > bytesMax)
        throw new AcmeError(`the answer of ${answer.url} is longer than ${bytesMax} bytes`);
      parts.push(part);
    }
  } catch (cause) {
    throw cause instanceof AcmeError ? cause : unreachable(answer.url, cause);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checked<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const found = schema.safeParse(json);
  if (found.success) return found.data;
  throw new AcmeError(`the directory's answer is not understood (${what}): ${z.prettifyError(found.error)}`);
}

function refused(answer: Response, text: string): AcmeError {
  const fault = Fault.safeParse(parsed(text));
  const { type, detail } = fault.success ? fault.data : {};
  const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
  return new AcmeError(detail ?? `the directory answered ${answer.status} to ${answer.url}`, {
    kind: kindOf(type),
    ...(seconds > 0 && { retryAfterMs: seconds * 1_000 }),
  });
}
