import { subjects } from "@eru/events";
import { type Page, pageMessagesMax } from "../log.ts";
import { pause } from "../pause.ts";
import { AssignmentTail } from "./assignment-tail.ts";
import type { Connection } from "./connection.ts";
import { reopen } from "./follow.ts";
import { streamName } from "./stream-settings.ts";

/** How often the newest stored assignment is compared with the newest that came. */
const checkEveryMsDefault = 60_000;
/** One look at the newest stored assignment may take this long. */
const checkTimeoutMs = 5_000;

/** What to follow. `checkEveryMs` is for tests that cannot wait a minute. */
export type AssignmentOptions = { node: string; fromSeq: number; signal: AbortSignal; checkEveryMs?: number };

/**
 * One node's assignments without a lasting consumer on the server: with thousands of agents those cost the server most of
 * its speed. What is stored comes by a consumer that ends with it; then come the stream's republished messages. A gap
 * between them, a lost connection and a look once a minute lead back to the stream.
 */
export async function* followNode(connection: Connection, options: AssignmentOptions): AsyncGenerator<Page> {
  const { node, signal } = options;
  const subject = subjects.assignment(node);
  // Listen first: what is appended while the stored part is read waits here.
  const tail = new AssignmentTail(connection, subject, node);
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  let lastSeq = Math.max(0, options.fromSeq - 1);
  let behind = true;
  const fallBehind = (): void => {
    behind = true;
    tail.changed.raise();
  };
  const watching = [
    watchConnection(connection, fallBehind, ended),
    watchStream(connection, { subject, tail, everyMs: options.checkEveryMs ?? checkEveryMsDefault }, ended),
  ];
  try {
    for (let first = true; !signal.aborted; ) {
      if (behind || tail.missingSeq > lastSeq) {
        behind = false;
        for await (const page of stored(connection, { subject, afterSeq: lastSeq, tail, signal })) {
          lastSeq = page.messages.at(-1)?.seq ?? lastSeq;
          if (first || page.messages.length > 0) yield page;
          first = false;
        }
        continue;
      }
      const messages = tail.take(lastSeq);
      lastSeq = messages.at(-1)?.seq ?? lastSeq;
      if (messages.length > 0) yield { messages, head: tail.empty };
      else if (!behind && tail.missingSeq <= lastSeq) await tail.changed.next(signal);
    }
  } finally {
    tail.close();
    over.abort();
    await Promise.all(watching);
  }
}

/** The stored part after a sequence, at least up to what the tail knows to exist. Ends when there is no more. */
async function* stored(
  connection: Connection,
  options: { subject: string; afterSeq: number; tail: AssignmentTail; signal: AbortSignal },
): AsyncGenerator<Page> {
  const { subject, tail, signal } = options;
  let lastSeq = options.afterSeq;
  while (!signal.aborted) {
    const consumer = await reopen(connection, { fromSeq: lastSeq + 1, subjects: [subject], signal });
    if (!consumer) return;
    try {
      while (!signal.aborted && (consumer.lost === undefined || consumer.buffered > 0)) {
        const messages = consumer.take(pageMessagesMax);
        lastSeq = messages.at(-1)?.seq ?? lastSeq;
        const head = consumer.buffered === 0 && consumer.pending === 0 && lastSeq >= tail.missingSeq;
        if (messages.length > 0 || head) yield { messages, head };
        if (head) return;
        if (consumer.buffered === 0 && consumer.lost === undefined) await consumer.changed.next(signal);
      }
    } finally {
      consumer.close();
    }
  }
}

/** What was republished while the connection was lost did not come here. */
async function watchConnection(
  connection: Connection,
  returned: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !connection.nc.isClosed()) {
    await connection.returned.next(signal);
    if (!signal.aborted) returned();
  }
}

/** Republished messages can be lost without a successor that would show it. */
async function watchStream(
  connection: Connection,
  options: { subject: string; tail: AssignmentTail; everyMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { subject, tail, everyMs } = options;
  while (!signal.aborted && !connection.nc.isClosed()) {
    await pause(everyMs, signal);
    if (signal.aborted || !connection.connected) continue;
    const answer = await connection.ask(`$JS.API.DIRECT.GET.${streamName}.${subject}`, "", {
      timeoutMs: checkTimeoutMs,
      signal,
    });
    const newest = answer.is === "reply" ? Number(answer.msg.headers?.get("Nats-Sequence")) : Number.NaN;
    if (Number.isSafeInteger(newest)) tail.mustHave(newest);
  }
}
