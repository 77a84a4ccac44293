import { setTimeout as sleep } from "node:timers/promises";
import { CheckpointAheadError, LogUnavailableError } from "../errors.ts";
import { type FollowOptions, type Page, pageMessagesMax } from "../log.ts";
import type { Connection } from "./connection.ts";
import { Consumer } from "./consumer.ts";
import { streamInfo } from "./stream.ts";
import { streamName } from "./stream-settings.ts";

/** Between two tries to make a consumer. */
const reopenWaitMs = 200;

/** Pages from a sequence on, for ever: a consumer that is lost is made anew after the last message that came. */
export async function* followLog(connection: Connection, options: FollowOptions): AsyncGenerator<Page> {
  const { subjects, signal } = options;
  const endSeq = await logEnd(connection, signal);
  if (endSeq === undefined) return;
  let next = Math.max(1, options.fromSeq);
  if (next > endSeq + 1) throw new CheckpointAheadError(next, endSeq);
  let pageGiven = false;
  // A server that lags behind the leader cannot know the end of the whole log; of chosen subjects nobody asked the leader.
  const atHead = (consumer: Consumer): boolean =>
    consumer.buffered === 0 && consumer.pending === 0 && (subjects !== undefined || next > endSeq);
  while (!signal.aborted) {
    const consumer = await reopen(connection, { fromSeq: next, subjects, signal });
    if (!consumer) return;
    try {
      if (!pageGiven && atHead(consumer)) {
        pageGiven = true;
        yield { messages: [], head: true };
      }
      while (!signal.aborted) {
        if (consumer.buffered === 0) {
          if (consumer.lost !== undefined) break;
          await consumer.changed.next(signal);
          continue;
        }
        const messages = consumer.take(pageMessagesMax);
        next = (messages.at(-1)?.seq ?? next) + 1;
        pageGiven = true;
        yield { messages, head: atHead(consumer) };
      }
    } finally {
      consumer.close();
    }
  }
}

/** A consumer, tried until there is one; `undefined` when the signal aborts before. */
export async function reopen(
  connection: Connection,
  options: { fromSeq: number; subjects?: readonly string[] | undefined; signal: AbortSignal },
): Promise<Consumer | undefined> {
  while (!options.signal.aborted) {
    try {
      const consumer = await Consumer.open(connection, options);
      if (consumer instanceof Consumer) return consumer;
      if (!consumer.passing) throw new Error(`the log cannot be followed: ${consumer.detail}`);
    } catch (error) {
      if (!(error instanceof LogUnavailableError) || connection.nc.isClosed()) throw error;
    }
    await sleep(reopenWaitMs, undefined, { signal: options.signal }).catch(() => undefined); // Aborted: the loop ends.
  }
  return undefined;
}

/** The sequence of the newest message as the leader knows it, asked until it answers. */
async function logEnd(connection: Connection, signal: AbortSignal): Promise<number | undefined> {
  while (!signal.aborted) {
    try {
      return (await streamInfo(connection, streamName)).state.last_seq;
    } catch (error) {
      if (!(error instanceof LogUnavailableError) || connection.nc.isClosed()) throw error;
    }
  }
  return undefined;
}
