import { setTimeout as sleep } from "node:timers/promises";
import { LogUnavailableError, NotPermittedError } from "../errors.ts";
import type { Connection } from "./connection.ts";

/** One answer of the JetStream API may take this long. */
const apiTimeoutMs = 5_000;
/** Between two tries while no leader answers. */
const apiRetryWaitMs = 100;

/** What the JetStream API said. */
export type ApiReply<T> =
  | { ok: true; value: T }
  /** `status` is 400 and up for what is wrong with the request, 500 and up for what is wrong with the server. */
  | { ok: false; code: number; status: number; detail: string };

/** Nobody there now, and the API is asked again: unavailable, not the leader, off for the account, off. */
const retryCodes = new Set([10008, 10009, 10039, 10076]);

/**
 * Asks the JetStream API until it answers.
 * @throws LogUnavailableError no answer within `limitMs`, or none wanted any more
 * @throws NotPermittedError the user may not ask this
 */
export async function api<T>(
  connection: Connection,
  request: {
    subject: string;
    body?: unknown;
    doing: string;
    limitMs: number;
    signal?: AbortSignal | undefined;
  },
): Promise<ApiReply<T>> {
  const { subject, doing, limitMs, signal } = request;
  const payload = request.body === undefined ? "" : JSON.stringify(request.body);
  const deadline = performance.now() + limitMs;
  for (;;) {
    const leftMs = Math.max(1, deadline - performance.now());
    const answer = await connection.ask(`$JS.API.${subject}`, payload, {
      timeoutMs: Math.min(leftMs, apiTimeoutMs),
      signal,
    });
    let why = "no leader answers";
    if (answer.is === "forbidden")
      throw new NotPermittedError(connection.user, `ask $JS.API.${subject}`, { cause: answer.error });
    if (answer.is === "silent") why = answer.why;
    if (answer.is === "reply") {
      const reply = JSON.parse(answer.msg.string()) as T & {
        error?: { code?: number; err_code?: number; description?: string };
      };
      if (!reply.error) return { ok: true, value: reply };
      const code = reply.error.err_code ?? reply.error.code ?? 0;
      if (!retryCodes.has(code))
        return {
          ok: false,
          code,
          status: reply.error.code ?? 500,
          detail: reply.error.description ?? `error ${code}`,
        };
      why = reply.error.description ?? `error ${code}`;
    }
    if (performance.now() + apiRetryWaitMs > deadline || signal?.aborted)
      throw new LogUnavailableError(doing, undefined, { cause: new Error(why) });
    await sleep(apiRetryWaitMs);
  }
}
