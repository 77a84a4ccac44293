import { LogUnavailableError } from "../errors.ts";
import type { StoredMessage } from "../log.ts";
import { messageIdOf } from "../message.ts";
import { api } from "./api.ts";
import type { Connection } from "./connection.ts";
import { Consumer } from "./consumer.ts";
import { streamInfo } from "./stream.ts";
import { streamName } from "./stream-settings.ts";

/** How long a read may take until the first answer of a leader; an election takes up to 8 s. */
const readLimitMs = 20_000;
const noMessageFound = 10_037;

/** Histories as the leader knows them: what was acknowledged is there. Direct gets and followers may be behind. */
export interface History {
  /** The messages of a subject from a sequence on. */
  read(subject: string, fromSeq: number): Promise<readonly StoredMessage[]>;
  /** The newest message of a subject. */
  last(subject: string): Promise<StoredMessage | undefined>;
  /** The first message of a subject after a sequence. */
  after(subject: string, seq: number): Promise<StoredMessage | undefined>;
}

/** For users that may read the whole log: asks the leader for single messages. */
export function leaderHistory(connection: Connection): History {
  const get = async (body: unknown, subject: string): Promise<StoredMessage | undefined> => {
    const reply = await api<{ message: ApiMessage }>(connection, {
      subject: `STREAM.MSG.GET.${streamName}`,
      body,
      doing: `reading ${subject}`,
      limitMs: readLimitMs,
    });
    if (reply.ok) return fromApi(reply.value.message);
    if (reply.code === noMessageFound) return undefined;
    throw new Error(`${subject} cannot be read: ${reply.detail} (${reply.code})`);
  };
  const last = (subject: string) => get({ last_by_subj: subject }, subject);
  return {
    last,
    after: (subject, seq) => get({ seq: seq + 1, next_by_subj: subject }, subject),
    read: async (subject, fromSeq) => {
      const newest = await last(subject);
      if (!newest || newest.seq < fromSeq) return [];
      if (newest.seq === fromSeq) return [newest];
      return await collect(connection, { subject, fromSeq }, (message) => message.seq >= newest.seq);
    },
  };
}

/**
 * For users that may see some subjects only: the request for single messages names the subject in its body, where no
 * permission can see it, so it would open the whole log to them. Reads the history by a consumer, whose request has the
 * subject in its own subject, and believes it when it has as many messages as the leader counts.
 */
export function filteredHistory(connection: Connection): History {
  const all = async (subject: string): Promise<readonly StoredMessage[]> => {
    const { state } = await streamInfo(connection, streamName, { countSubject: subject });
    const count = state.subjects?.[subject] ?? 0;
    if (count === 0) return [];
    return await collect(connection, { subject, fromSeq: 1 }, (_message, taken) => taken >= count);
  };
  return {
    read: async (subject, fromSeq) => (await all(subject)).filter((message) => message.seq >= fromSeq),
    last: async (subject) => (await all(subject)).at(-1),
    after: async (subject, seq) => (await all(subject)).find((message) => message.seq > seq),
  };
}

/** Reads a subject from a sequence until `complete` says of a message that the history is whole with it. */
async function collect(
  connection: Connection,
  wanted: { subject: string; fromSeq: number },
  complete: (message: StoredMessage, taken: number) => boolean,
): Promise<StoredMessage[]> {
  const { subject, fromSeq } = wanted;
  const found: StoredMessage[] = [];
  const limit = AbortSignal.timeout(readLimitMs);
  while (!limit.aborted) {
    const consumer = await Consumer.open(connection, {
      fromSeq: Math.max(fromSeq, (found.at(-1)?.seq ?? 0) + 1),
      subjects: [subject],
    });
    if (!(consumer instanceof Consumer)) {
      if (consumer.passing) continue;
      throw new Error(`${subject} cannot be read: ${consumer.detail}`);
    }
    try {
      while (consumer.lost === undefined && !limit.aborted) {
        for (const message of consumer.take(Number.POSITIVE_INFINITY)) {
          found.push(message);
          if (complete(message, found.length)) return found;
        }
        if (consumer.buffered === 0 && consumer.lost === undefined) await consumer.changed.next(limit);
      }
    } finally {
      consumer.close();
    }
  }
  throw new LogUnavailableError(`reading ${subject}`);
}

type ApiMessage = { subject: string; seq: number; time: string; data?: string; hdrs?: string };

function fromApi({ subject, seq, time, data, hdrs }: ApiMessage): StoredMessage {
  const headers = Buffer.from(hdrs ?? "", "base64").toString();
  const id = /^Nats-Msg-Id: *(.*?)\r?$/m.exec(headers)?.[1] ?? "";
  const body = Buffer.from(data ?? "", "base64").toString();
  return { subject, seq, messageId: messageIdOf(id), body, storedMs: Date.parse(time) };
}
