import { createHash } from "node:crypto";
import { AppError, type ExplainQuestion, Explanation } from "@eru/events";
import { type Dispatcher, Pool } from "undici";
import { z } from "zod";
import { type KeyOpener, withKey } from "./boot-keys.ts";
import { encodeLine, type Line, parseTable, type Table } from "./domain/table.ts";

/** nginx does not answer on its admin socket. */
export class NginxUnreachableError extends AppError {
  readonly code = "nginx_unreachable";
  readonly retryable = true;
}

/** nginx answered what the protocol does not know: a version of the Lua code that does not fit, or a bug. */
class NginxProtocolError extends AppError {
  readonly code = "nginx_protocol";
  readonly retryable = false;
}

const Status = z.object({
  bootId: z.string(),
  epoch: z.string(),
  seq: z.int(),
  token: z.int(),
  masterPid: z.int(),
  orphaned: z.boolean(),
  workers: z.array(z.object({ pid: z.int(), ackedToken: z.int(), exiting: z.boolean() })),
  /** Absent when it is empty. */
  leftOut: z
    .array(z.object({ endpoint: z.string(), address: z.string(), because: z.enum(["failures", "check"]) }))
    .default([]),
  leftOutTotal: z.int().default(0),
});
/** What nginx has in force, and its processes. */
export type Status = z.infer<typeof Status>;

const Drain = z.object({
  bootId: z.string(),
  ackedToken: z.int(),
  endpoints: z.record(z.string(), z.object({ http: z.int(), upgraded: z.int() })),
});
/** The oldest change a worker may still decide by, and the requests under way by endpoint. */
export type DrainStatus = z.infer<typeof Drain>;

const TableHead = z.object({ bootId: z.string(), epoch: z.string(), seq: z.int(), token: z.int() });
/** The table in force with its names. */
export type TableInForce = z.infer<typeof TableHead> & { table: Map<string, string> };

const Written = z.object({ token: z.int() });
const Generation = z.object({ gen: z.int() });
const Fault = z.object({ line: z.int(), key: z.string().optional(), reason: z.string() });

/** The answer to a write: applied, or why not. Then nothing was changed. */
export type WriteAnswer =
  | { ok: true; token: number }
  | { ok: false; why: "base" | "writer" | "memory" }
  | { ok: false; why: "line"; key: string; reason: string };

type Answer = { status: number; text: string };

const timeoutMs = 5_000;
/** A question that only looks must not hold up who asks. */
const lookTimeoutMs = 1_000;
/** Lines and characters of one chunk; nginx takes 200 lines and 16 MiB, but answers nobody else meanwhile. */
const chunkLinesMax = 100;
const chunkCharactersMax = 2 * 1024 * 1024;

/** The admin calls of one nginx over its unix socket: docs/elb.md. Throws NginxUnreachableError from every call. */
export class NginxAdmin {
  readonly #pool: Dispatcher;
  readonly #openKey: KeyOpener;

  /** `openKey` is asked for private keys at the moment they are sent. */
  constructor(socketPath: string, openKey: KeyOpener) {
    this.#openKey = openKey;
    this.#pool = new Pool("http://elb", {
      socketPath,
      connections: 4,
      bodyTimeout: timeoutMs,
      connect: { timeout: timeoutMs },
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async status(): Promise<Status> {
    return this.#parse(Status, await this.#call("GET", "/v1/status", undefined, lookTimeoutMs));
  }

  async drain(ids: readonly string[]): Promise<DrainStatus> {
    const query = ids.map((id) => `ep=${encodeURIComponent(id)}`).join("&");
    return this.#parse(Drain, await this.#call("GET", `/v1/drain?${query}`, undefined, lookTimeoutMs));
  }

  /** nginx's own counters as Prometheus text. */
  async metrics(): Promise<string> {
    return (await this.#call("GET", "/metrics")).text;
  }

  /** Requests under way to endpoints, with open WebSockets. */
  async inFlight(): Promise<number> {
    const counted = (await this.metrics()).matchAll(/^eru_elb_(?:requests|upgraded)_in_flight (\d+)$/gm);
    return [...counted].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** What nginx would do with a request, and why. */
  async explain(question: ExplainQuestion): Promise<Explanation> {
    const asked = JSON.stringify(question);
    return this.#parse(Explanation, await this.#call("POST", "/v1/explain", asked, lookTimeoutMs));
  }

  /** The whole table in force. */
  async table(): Promise<TableInForce> {
    const { text } = await this.#call("GET", "/v1/table");
    const end = text.indexOf("\n");
    const head = this.#parse(TableHead, { status: 200, text: text.slice(0, end) });
    return { ...head, table: parseTable(text.slice(end + 1)) };
  }

  /** Compiles lines in the engine and throws them away: undefined when it takes them all, else the first it does not. */
  async validate(lines: readonly Line[]): Promise<{ key: string; reason: string } | undefined> {
    for (const chunk of chunksOf(lines)) {
      const answer = await this.#call("POST", "/v1/validate", chunk);
      if (answer.status === 200) continue;
      const { key, reason, line } = this.#parse(
        Fault,
        answer.status === 422 ? { ...answer, status: 200 } : answer,
      );
      return { key: key ?? `line ${line}`, reason };
    }
    return undefined;
  }

  /** Changes the table as of `base` into the one as of `seq`. Later requests see all of it, in every worker. */
  async delta(
    header: { epoch: string; base: number; seq: number },
    lines: readonly Line[],
  ): Promise<WriteAnswer> {
    const whole = this.#withKeys(lines);
    if (!Array.isArray(whole)) return whole;
    const body = `${JSON.stringify(header)}\n${whole.map(encodeLine).join("")}`;
    return this.#written(await this.#call("POST", "/v1/delta", body));
  }

  /** Replaces the whole table in one step. What was uploaded of a refused one is given up. */
  async generation(header: { epoch: string; seq: number }, lines: readonly Line[]): Promise<WriteAnswer> {
    const whole = this.#withKeys(lines);
    if (!Array.isArray(whole)) return whole;
    const opened = await this.#call("POST", "/v1/gen");
    if (opened.status !== 200) return this.#written(opened);
    const { gen } = this.#parse(Generation, opened);
    const hashes: string[] = [];
    for (const [number, chunk] of chunksOf(whole).entries()) {
      const answer = await this.#call("PUT", `/v1/gen/${gen}/chunk/${number}`, chunk);
      if (answer.status !== 200) {
        await this.#call("DELETE", `/v1/gen/${gen}`);
        return this.#written(answer);
      }
      hashes.push(createHash("sha256").update(chunk).digest("hex"));
    }
    const sha256 = createHash("sha256").update(hashes.join("")).digest("hex");
    const commit = { ...header, chunks: hashes.length, count: lines.length, sha256 };
    return this.#written(await this.#call("POST", `/v1/gen/${gen}/commit`, JSON.stringify(commit)));
  }

  /** A key that cannot be opened is a line that nginx cannot have. */
  #withKeys(lines: readonly Line[]): Line[] | Extract<WriteAnswer, { why: "line" }> {
    const whole: Line[] = [];
    for (const line of lines) {
      try {
        whole.push(withKey(line, this.#openKey));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { ok: false, why: "line", key: line.key, reason: error.message };
      }
    }
    return whole;
  }

  #written(answer: Answer): WriteAnswer {
    switch (answer.status) {
      case 200:
        return { ok: true, token: this.#parse(Written, answer).token };
      case 409:
        return { ok: false, why: "base" };
      case 423:
        return { ok: false, why: "writer" };
      case 507:
        return { ok: false, why: "memory" };
      case 422: {
        const { key, reason, line } = this.#parse(Fault, { ...answer, status: 200 });
        if (key === undefined) throw new NginxProtocolError(`nginx cannot read line ${line}: ${reason}`);
        return { ok: false, why: "line", key, reason };
      }
      default:
        throw new NginxProtocolError(
          `nginx answered ${answer.status} to a change: ${answer.text.slice(0, 200)}`,
        );
    }
  }

  #parse<S extends z.ZodType>(schema: S, { status, text }: Answer): z.infer<S> {
    if (status !== 200) throw new NginxProtocolError(`nginx answered ${status}: ${text.slice(0, 200)}`);
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new NginxProtocolError(`nginx answered what we cannot read: ${text.slice(0, 200)}`, { cause });
    }
  }

  async #call(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: string,
    headersTimeout = timeoutMs,
  ): Promise<Answer> {
    try {
      const answer = await this.#pool.request({
        method,
        path,
        headersTimeout,
        ...(body !== undefined && { body }),
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (cause) {
      throw new NginxUnreachableError(`no answer from nginx to ${method} ${path.split("?")[0]}`, { cause });
    }
  }
}

/** Lines as bodies of chunks. */
export function chunksOf(lines: readonly Line[]): string[] {
  const chunks: string[] = [];
  let chunk = "";
  let count = 0;
  for (const line of lines) {
    const text = encodeLine(line);
    if (count === chunkLinesMax || (count > 0 && chunk.length + text.length > chunkCharactersMax)) {
      chunks.push(chunk);
      chunk = "";
      count = 0;
    }
    chunk += text;
    count++;
  }
  if (count > 0) chunks.push(chunk);
  return chunks;
}

/** The names and content of a table as one text, which nginx reads when it starts. */
export function bootText(header: { epoch: string; seq: number }, table: Table): string {
  const lines = [...table].map(([key, json]) => encodeLine({ key, json }));
  const body = lines.join("");
  const sha256 = createHash("sha256").update(body).digest("hex");
  return `${JSON.stringify({ ...header, count: lines.length, sha256 })}\n${body}`;
}
