import { BatchTooLargeError, ConflictError, ServerTooOldError, StreamMismatchError } from "../errors.ts";
import { type Appended, batchMessagesMax } from "../log.ts";
import type { Prepared } from "../message.ts";
import type { Connection } from "./connection.ts";
import { failureOf, messageHeaders, Retry } from "./publish.ts";
import type { History } from "./read.ts";
import { type Verdict, verdict } from "./reply.ts";
import { streamName } from "./stream-settings.ts";

/** Stores two or more messages, all or none. */
export async function appendMessages(
  connection: Connection,
  history: History,
  batch: readonly Prepared[],
  retryMs: number,
): Promise<readonly Appended[]> {
  const doing = `append a batch of ${batch.length} messages beginning with ${batch[0]?.subject}`;
  const retry = new Retry(`appending a batch of ${batch.length} messages`, batch[0]?.id ?? "", retryMs);
  for (;;) {
    const said = await publishBatch(connection, batch, retry);
    switch (said.is) {
      case "stored":
        if (said.count !== batch.length)
          throw new Error(
            `invariant broken: ${said.count} of ${batch.length} messages of a batch were stored`,
          );
        return batch.map((_, index) => ({ seq: said.seq - batch.length + 1 + index, duplicate: false }));
      case "moved":
      case "repeated":
        return await readBack(
          history,
          batch,
          said.is === "moved" ? said.detail : "a message id is stored already",
        );
      case "busy":
      case "silent":
        await retry.wait(said);
        break;
      case "unsupported":
        throw new StreamMismatchError(streamName, [
          { setting: "allow_atomic", wanted: "true", actual: said.detail },
        ]);
      case "too_large":
        throw new BatchTooLargeError(batch.length, said.detail);
      case "full":
      case "forbidden":
      case "refused":
        throw failureOf(connection, doing, said);
      case "staged":
        throw failureOf(connection, doing, {
          is: "refused",
          code: 0,
          detail: "an empty answer to the commit",
        });
      default:
        said satisfies never;
    }
  }
}

/**
 * One try under a batch id of its own. Only the first and the last message are answered, and the first that not every
 * server takes; the rest is written unasked.
 */
async function publishBatch(
  connection: Connection,
  batch: readonly Prepared[],
  retry: Retry,
): Promise<Verdict> {
  const id = crypto.randomUUID();
  const send = async (index: number): Promise<Verdict> => {
    const message = batch[index];
    if (!message) throw new Error(`invariant broken: no message ${index} in the batch`);
    const headers = messageHeaders(message, { id, place: index + 1, commit: index === batch.length - 1 });
    return verdict(
      await connection.ask(message.subject, message.body, { timeoutMs: retry.timeoutMs(), headers }),
    );
  };
  // The server says here whether it knows batches at all: one that does not has now stored a single message, not all.
  const first = await send(0);
  if (first.is === "stored")
    throw new ServerTooOldError(connection.nc.info?.version ?? "unknown", "one with atomic batches");
  if (first.is !== "staged") return first;
  for (const [index, message] of batch.entries()) {
    if (index === 0 || index === batch.length - 1) continue;
    if (index === batchMessagesMax) {
      // Of what comes after its limit a server only says, at the end, that the batch is incomplete.
      const taken = await send(index);
      if (taken.is !== "staged") return taken;
      continue;
    }
    const headers = messageHeaders(message, { id, place: index + 1, commit: false });
    connection.send(message.subject, message.body, headers);
  }
  return await send(batch.length - 1);
}

/** Whether the refused batch is stored already, by an earlier try whose answer was lost. */
async function readBack(
  history: History,
  batch: readonly Prepared[],
  detail: string,
): Promise<readonly Appended[]> {
  const [first, last] = [batch[0], batch[batch.length - 1]];
  if (!first || !last) throw new Error("invariant broken: an empty batch was refused");
  const firstSeq = await placeOf(history, first);
  // All or nothing, next to each other: when both ends are at their places, so is everything between.
  const lastSeq = firstSeq === undefined ? undefined : await placeOf(history, last);
  if (firstSeq !== undefined && lastSeq === firstSeq + batch.length - 1)
    return batch.map((_, index) => ({ seq: firstSeq + index, duplicate: true }));
  throw new ConflictError(await movedSubject(history, batch), detail);
}

async function placeOf(
  history: History,
  { subject, id, expectedLastSeq }: Prepared,
): Promise<number | undefined> {
  if (expectedLastSeq !== undefined) {
    const next = await history.after(subject, expectedLastSeq);
    return next?.messageId === id ? next.seq : undefined;
  }
  const all = await history.read(subject, 1);
  return all.findLast((message) => message.messageId === id)?.seq;
}

/** Subjects of a refused batch that are looked at to name the one that moved. */
const movedLookupsMax = 10;

/** The broker does not say which subject of a batch moved: the first whose history is longer than expected. */
async function movedSubject(history: History, batch: readonly Prepared[]): Promise<string | undefined> {
  const expecting = batch.filter((message) => message.expectedLastSeq !== undefined);
  for (const { subject, expectedLastSeq } of expecting.slice(0, movedLookupsMax))
    if (await history.after(subject, expectedLastSeq ?? 0)) return subject;
  return undefined;
}
