import { ConflictError } from "../errors.ts";
import type { Appended } from "../log.ts";
import type { Prepared } from "../message.ts";
import type { Connection } from "./connection.ts";
import { failureOf, messageHeaders, Retry } from "./publish.ts";
import type { History } from "./read.ts";
import { verdict } from "./reply.ts";

/** Stores one message, or says why not. */
export async function appendMessage(
  connection: Connection,
  history: History,
  message: Prepared,
  retryMs: number,
): Promise<Appended> {
  const { subject, id, body, expectedLastSeq } = message;
  const headers = messageHeaders(message);
  const doing = `append to ${subject}`;
  const retry = new Retry(`appending to ${subject}`, id, retryMs);
  for (;;) {
    const said = verdict(await connection.ask(subject, body, { timeoutMs: retry.timeoutMs(), headers }));
    switch (said.is) {
      case "stored":
        return { seq: said.seq, duplicate: said.duplicate };
      case "moved": {
        // With one replica a repeated append is answered so too, since the check comes before the duplicate window.
        const own = expectedLastSeq === undefined ? undefined : await history.after(subject, expectedLastSeq);
        if (own?.messageId === id) return { seq: own.seq, duplicate: true };
        throw new ConflictError(subject, `expected last sequence ${expectedLastSeq}: ${said.detail}`);
      }
      case "busy":
      case "silent":
        await retry.wait(said);
        break;
      case "full":
      case "forbidden":
      case "refused":
        throw failureOf(connection, doing, said);
      case "staged":
      case "repeated":
      case "unsupported":
      case "too_large":
        throw failureOf(connection, doing, {
          is: "refused",
          code: 0,
          detail: `an answer to a batch: ${said.is}`,
        });
      default:
        said satisfies never;
    }
  }
}
