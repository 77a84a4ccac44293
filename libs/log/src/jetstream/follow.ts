import { CheckpointAheadError, LogUnavailableError } from "../errors.ts";
import { type FollowOptions, type Page, pageMessagesMax } from "../log.ts";
import { pause } from "../pause.ts";
import type { Connection } from "./connection.ts";
import { Consumer } from "./consumer.ts";
import { streamInfo } from "./stream.ts";
import { streamName } from "./stream-settings.ts";

/** Between two tries to reach the stream. */
const againWaitMs = 200;

/** How long a leader may insist that the log ends before a reader: one that was just elected might not know better. */
const aheadLimitMs = 2_000;

/** Pages from a sequence on, for ever: a consumer that is lost is made anew after the last message that came. */
export async function* followLog(connection: Connection, options: FollowOptions): AsyncGenerator<Page> {
  const { subjects, signal } = options;
  let next = Math.max(1, options.fromSeq);
  let pageGiven = false;
  while (!signal.aborted) {
    const endSeq = await logEnd(connection, next, signal);
    const consumer = await reopen(connection, { fromSeq: next, subjects, signal });
    if (endSeq === undefined || !consumer) return;
    // A server that lags behind the leader cannot know the end of the log. Of chosen subjects nobody asked the leader.
    const atHead = (): boolean =>
      consumer.buffered === 0 && consumer.pending === 0 && (subjects !== undefined || next > endSeq);
    try {
      if (!pageGiven && atHead()) {
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
        yield { messages, head: atHead() };
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
  const { signal } = options;
  while (!signal.aborted) {
    try {
      const consumer = await Consumer.open(connection, options);
      if (consumer instanceof Consumer) return consumer;
      if (!consumer.passing) throw new Error(`the log cannot be followed: ${consumer.detail}`);
    } catch (error) {
      if (!(error instanceof LogUnavailableError) || connection.nc.isClosed()) throw error;
    }
    await pause(againWaitMs, signal);
  }
  return undefined;
}

/**
 * The sequence of the newest message as the leader knows it, asked until it answers; `undefined` when the signal aborts.
 * @throws CheckpointAheadError the log ends before what the reader has read
 */
async function logEnd(
  connection: Connection,
  next: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  let aheadSinceMs: number | undefined;
  while (!signal.aborted) {
    try {
      const endSeq = (await streamInfo(connection, streamName, { signal })).state.last_seq;
      if (next <= endSeq + 1) return endSeq;
      aheadSinceMs ??= performance.now();
      if (performance.now() - aheadSinceMs > aheadLimitMs) throw new CheckpointAheadError(next, endSeq);
    } catch (error) {
      if (!(error instanceof LogUnavailableError) || connection.nc.isClosed()) throw error;
    }
    await pause(againWaitMs, signal);
  }
  return undefined;
}
