import { setTimeout as sleep } from "node:timers/promises";
import { LogFullError, LogUnavailableError, NotPermittedError } from "../errors.ts";
import { brokerId, type Prepared } from "../message.ts";
import { type Connection, headersOf } from "./connection.ts";
import type { Verdict } from "./reply.ts";
import { streamName } from "./stream-settings.ts";

/** How long an append is asked again before its outcome is given up as unknown. Elections took up to 7.3 s. */
export const retryMsDefault = 30_000;
/** One answer to a publish may take this long. */
const replyTimeoutMs = 5_000;

const busyWaitMsMin = 20;
const busyWaitMsMax = 100;
const silentWaitMs = 100;

/**
 * The headers of one message. Raw, because the client's helpers drop expectations in batches and hide errors. The check
 * is over the exact subject alone: the server's check over a pattern broke on replicated streams.
 */
export function messageHeaders(message: Prepared, batch?: { id: string; place: number; commit: boolean }) {
  const { subject, id, expectedLastSeq } = message;
  return headersOf({
    "Nats-Msg-Id": brokerId(subject, id),
    "Nats-Expected-Stream": streamName,
    ...(expectedLastSeq === undefined
      ? {}
      : { "Nats-Expected-Last-Subject-Sequence": String(expectedLastSeq) }),
    ...(batch ? { "Nats-Batch-Id": batch.id, "Nats-Batch-Sequence": String(batch.place) } : {}),
    ...(batch?.commit ? { "Nats-Batch-Commit": "1" } : {}),
  });
}

/** Thrown for an answer that no row of our table knows. */
export class UnknownReplyError extends Error {
  constructor(doing: string, code: number, detail: string) {
    super(`the broker refused ${doing}: ${detail} (${code})`);
    this.name = "UnknownReplyError";
  }
}

/** The verdicts that mean the same for one message and for a batch end here in an error. */
export function failureOf(
  connection: Connection,
  doing: string,
  verdict: Extract<Verdict, { is: "full" | "forbidden" | "refused" }>,
): Error {
  if (verdict.is === "full") return new LogFullError(verdict.why);
  if (verdict.is === "forbidden")
    return new NotPermittedError(connection.user, `${doing}`, { cause: verdict.error });
  return new UnknownReplyError(doing, verdict.code, verdict.detail);
}

/** Asks with the same ids again while the broker is busy or silent, until the limit. */
export class Retry {
  readonly #deadline: number;
  readonly #doing: string;
  readonly #messageId: string;

  constructor(doing: string, messageId: string, limitMs: number) {
    this.#doing = doing;
    this.#messageId = messageId;
    this.#deadline = performance.now() + limitMs;
  }

  /** @throws LogUnavailableError the time is over */
  async wait(verdict: { is: "busy"; detail: string } | { is: "silent"; why: string }): Promise<void> {
    const waitMs =
      verdict.is === "busy"
        ? busyWaitMsMin + Math.random() * (busyWaitMsMax - busyWaitMsMin) // Two racers must not meet again.
        : silentWaitMs;
    if (performance.now() + waitMs > this.#deadline)
      throw new LogUnavailableError(this.#doing, this.#messageId, {
        cause: new Error(verdict.is === "busy" ? verdict.detail : verdict.why),
      });
    await sleep(waitMs);
  }

  /** How long the next answer may take. */
  timeoutMs(): number {
    return Math.max(1, Math.min(replyTimeoutMs, this.#deadline - performance.now()));
  }
}
