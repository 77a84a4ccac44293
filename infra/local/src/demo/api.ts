import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LocalError } from "../errors.ts";

const attemptsMax = 20;
const retryMs = 250;
const answerTimeoutMs = 15_000;

/** What every command answers: the sequence of the log at which it is so. */
const Recorded = z.looseObject({ seq: z.int() });
const Problem = z.looseObject({ code: z.string(), detail: z.string() });

/** The two HTTP APIs, as any user has them. */
export class Api {
  readonly #urls: { commandUrl: string; queryUrl: string };
  readonly #token: string;
  /** Queries see at least what the newest command did. */
  #after = 0;
  constructor(urls: { commandUrl: string; queryUrl: string }, token: string) {
    this.#urls = urls;
    this.#token = token;
  }

  /**
   * Orders something; under one key a repetition is harmless, so busy servers are asked again. Refusals with one of the
   * codes in `fine` are answered undefined.
   */
  async command(
    method: "POST" | "PUT" | "DELETE",
    path: string,
    body: unknown,
    fine: readonly string[] = [],
  ): Promise<z.infer<typeof Recorded> | undefined> {
    const answer = await this.#ask(method, this.#urls.commandUrl + path, body);
    if (answer.ok) {
      const recorded = Recorded.parse(await answer.json());
      this.#after = Math.max(this.#after, recorded.seq);
      return recorded;
    }
    const problem = Problem.safeParse(await answer.json().catch(() => undefined));
    if (problem.success && fine.includes(problem.data.code)) return undefined;
    throw refused(method, path, answer.status, problem.data?.detail);
  }

  /** The items of a list; the demo's lists fit one page. */
  async list<S extends z.ZodType>(
    path: string,
    query: Readonly<Record<string, string>>,
    item: S,
  ): Promise<z.infer<S>[]> {
    const parameters = new URLSearchParams({ ...query, after: String(this.#after) });
    const answer = await this.#ask("GET", `${this.#urls.queryUrl}${path}?${parameters}`);
    if (answer.ok) return z.looseObject({ items: z.array(item) }).parse(await answer.json()).items;
    const problem = Problem.safeParse(await answer.json().catch(() => undefined));
    throw refused("GET", path, answer.status, problem.data?.detail);
  }

  async #ask(method: string, url: string, body?: unknown): Promise<Response> {
    const key = randomUUID();
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          "idempotency-key": key,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
      if (![429, 503].includes(answer.status) || attempt === attemptsMax) return answer;
      await answer.body?.cancel();
      await sleep(retryMs);
    }
  }
}

const refused = (method: string, path: string, status: number, detail: string | undefined) =>
  new LocalError(`${method} ${path} was answered ${status}: ${detail ?? "no reason given"}`);
