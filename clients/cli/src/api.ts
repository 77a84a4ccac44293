import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { z } from "zod";
import type { Context } from "./context.ts";
import { CliError, exitCodes } from "./errors.ts";
import { parseJson, problemError, sameKey } from "./problem.ts";

/** Tries of one request when the server is busy (429, 503) or the connection breaks. */
const attemptsMax = 4;
/** Longest wait for a busy server before the next try, in milliseconds. */
const retryWaitMsMax = 2_000;
/** How long an answer may take, in milliseconds; longer than the servers wait for a view to catch up. */
const answerTimeoutMs = 30_000;
/** Items of one page; the servers give no more. */
const pageSize = 1_000;

type Query = Readonly<Record<string, string | number | boolean | undefined>>;
type Method = "POST" | "PUT" | "PATCH" | "DELETE";

/** What every command answers besides the names it is about: the sequence at which it is so, and whether it was new. */
export const Recorded = z.looseObject({ seq: z.int(), changed: z.boolean() });
export type Recorded = z.infer<typeof Recorded>;

/** The two HTTP APIs. Every failure leaves as a CliError that says which server, what, and what to do. */
export class Api implements AsyncDisposable {
  readonly context: Context;
  readonly #agent = new Agent({ headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs });
  /** Aborts at Ctrl-C, and every request with it. */
  readonly signal: AbortSignal;
  readonly #commandId: string | undefined;

  constructor(context: Context, signal: AbortSignal, commandId?: string) {
    this.context = context;
    this.signal = signal;
    this.#commandId = commandId;
  }

  /** Asks the query API. */
  async query<S extends z.ZodType>(path: string, schema: S, query: Query = {}): Promise<z.infer<S>> {
    const answer = await this.#send("query", "GET", path, query);
    return read(answer, schema, `GET ${path}`);
  }

  /** All items of a paged query, page by page, at most `limit`. */
  async list<S extends z.ZodType>(
    path: string,
    schema: S,
    query: Query = {},
    limit = Number.POSITIVE_INFINITY,
  ): Promise<z.infer<S>[]> {
    const Page = z.looseObject({ items: z.array(schema), next: z.string().nullish() });
    const items: z.infer<S>[] = [];
    for (let cursor: string | undefined; ; ) {
      const size = Math.min(pageSize, limit - items.length);
      const page = await this.query(path, Page, { ...query, limit: size, cursor });
      items.push(...page.items);
      cursor = page.next ?? undefined;
      if (cursor === undefined || items.length >= limit) return items;
    }
  }

  /** Orders something. The same id makes a repetition harmless, so a broken connection is tried again. */
  order(method: Method, path: string, body?: unknown, query?: Query): Promise<Recorded> {
    return this.command(method, path, Recorded, { body, query });
  }

  /** Asks the command API something whose answer has more than the sequence. */
  async command<S extends z.ZodType>(
    method: Method,
    path: string,
    schema: S,
    { body, query = {} }: { body?: unknown; query?: Query | undefined } = {},
  ): Promise<z.infer<S>> {
    const answer = await this.#send("command", method, path, query, body);
    return read(answer, schema, `${method} ${path}`);
  }

  /** Asks the command API something that the scheduler answers from its state; nothing is recorded. */
  async ask<S extends z.ZodType>(path: string, schema: S, query: Query = {}): Promise<z.infer<S>> {
    const answer = await this.#send("command", "GET", path, query);
    return read(answer, schema, `GET ${path}`);
  }

  /** Ends the connections: the process may end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close();
  }

  async #send(to: "command" | "query", method: Method | "GET", path: string, query: Query, body?: unknown) {
    const base = to === "command" ? this.context.commandUrl : this.context.queryUrl;
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const key = method === "GET" ? undefined : (this.#commandId ?? randomUUID());
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(url, method, body, key).catch((error: unknown) => {
        if (attempt < attemptsMax && wasCutOff(error)) return undefined;
        throw unreachableError(to, base, error, key);
      });
      if (answer && !isBusy(answer.status, attempt)) return succeed(answer, base, key);
      await sleep(answer?.retryMs ?? 50 * 2 ** attempt, undefined, { signal: this.signal });
    }
  }

  async #once(url: URL, method: Method | "GET", body: unknown, key: string | undefined): Promise<Answer> {
    const response = await request(url, {
      method,
      dispatcher: this.#agent,
      signal: this.signal,
      headers: {
        authorization: `Bearer ${this.context.token}`,
        accept: "application/json",
        ...(key !== undefined && { "idempotency-key": key }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const seconds = Number(response.headers["retry-after"] ?? 0.2);
    return {
      status: response.statusCode,
      type: String(response.headers["content-type"] ?? ""),
      text: await response.body.text(),
      retryMs: Math.min(retryWaitMsMax, Number.isFinite(seconds) ? seconds * 1_000 : retryWaitMsMax),
    };
  }
}

type Answer = { status: number; type: string; text: string; retryMs: number };

const isBusy = (status: number, attempt: number): boolean =>
  (status === 429 || status === 503) && attempt < attemptsMax;

/** The connection was there and broke, so that nobody knows what became of the request. */
const wasCutOff = (error: unknown): boolean =>
  ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes((error as { code?: string }).code ?? "");

function succeed(answer: Answer, base: string, key: string | undefined): unknown {
  const content = answer.status < 300 ? parseJson(answer.text) : undefined;
  if (content === undefined) throw problemError(answer, base, key);
  return content;
}

function read<S extends z.ZodType>(content: unknown, schema: S, what: string): z.infer<S> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new CliError(
    exitCodes.unreachable,
    `the server's answer to ${what} is not as this \`eru\` expects it`,
    {
      faults: parsed.error.issues
        .slice(0, 3)
        .map((issue) => ({ field: issue.path.join(".") || "(the whole answer)", message: issue.message })),
      next: "use the `eru` of the same version as the servers",
    },
  );
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name cannot be looked up",
  ETIMEDOUT: "timed out",
  UND_ERR_CONNECT_TIMEOUT: "timed out",
  UND_ERR_HEADERS_TIMEOUT: "timed out",
  UND_ERR_BODY_TIMEOUT: "timed out",
  UND_ERR_SOCKET: "the connection broke",
  ECONNRESET: "the connection broke",
};

function unreachableError(
  to: "command" | "query",
  base: string,
  error: unknown,
  key: string | undefined,
): unknown {
  const { code = "", name, message } = error as { code?: string; name?: string; message?: string };
  if (name === "AbortError") return error;
  const why = reasons[code] ?? message ?? "unknown";
  const unsure = key !== undefined && !["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"].includes(code);
  return new CliError(exitCodes.unreachable, `the ${to} API at ${base} does not answer: ${why}`, {
    next: unsure ? sameKey(key) : "start it with `eru up`, or see what runs with `eru status`",
    cause: error,
  });
}
