import { encodeMessage, historyKind } from "@eru/events";
import { MessageTooLargeError } from "./errors.ts";
import { type Append, bodyBytesMax, largeBatchMessagesMax } from "./log.ts";

/** An append that passed every check a log makes before it stores. */
export type Prepared = {
  subject: string;
  id: string;
  body: string;
  expectedLastSeq: number | undefined;
};

// It travels in a header, where spaces at the ends are lost and line ends are forbidden.
const messageIdPattern = /^[\x21-\x7e]{1,128}$/;

/** Checks an append the way every log does. A RangeError is a bug of the caller. */
export function prepare(append: Append): Prepared {
  const { subject, message, expectedLastSeq } = append;
  checkSubject(subject);
  if (expectedLastSeq !== undefined && !(Number.isSafeInteger(expectedLastSeq) && expectedLastSeq >= 0))
    throw new RangeError(`expectedLastSeq of ${subject} is ${expectedLastSeq}: a sequence is 0 or more`);
  if (!messageIdPattern.test(message.meta.id))
    throw new RangeError(
      `message id ${JSON.stringify(message.meta.id)}: it consists of 1 to 128 visible ASCII characters`,
    );
  const body = encodeMessage(subject, message);
  const bytes = Buffer.byteLength(body);
  if (bytes > bodyBytesMax) throw new MessageTooLargeError(subject, bytes, bodyBytesMax);
  return { subject, id: message.meta.id, body, expectedLastSeq };
}

/** Checks a batch: its size, and that only the first message of a subject names an expectation. */
export function prepareBatch(appends: readonly Append[]): Prepared[] {
  if (appends.length > largeBatchMessagesMax)
    throw new RangeError(
      `a batch of ${appends.length} messages: at most ${largeBatchMessagesMax} are stored at once`,
    );
  const ids = new Set<string>();
  const subjects = new Set<string>();
  return appends.map((append) => {
    const prepared = prepare(append);
    // The server compares with the state before the batch, so a second expectation could not mean what it says.
    if (subjects.has(prepared.subject) && prepared.expectedLastSeq !== undefined)
      throw new RangeError(`the batch names expectedLastSeq twice for ${prepared.subject}`);
    if (ids.has(brokerId(prepared.subject, prepared.id)))
      throw new RangeError(`message id ${prepared.id} is twice in the batch for ${prepared.subject}`);
    subjects.add(prepared.subject);
    ids.add(brokerId(prepared.subject, prepared.id));
    return prepared;
  });
}

/** Only the subject of one history: no patterns, because a check over a pattern breaks on replicated streams. */
export function checkSubject(subject: string): void {
  if (!historyKind(subject) || !/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2,}$/.test(subject))
    throw new RangeError(`not the subject of a history: ${JSON.stringify(subject)}`);
}

/**
 * The broker's duplicate window spans the whole stream, ours one history: with the bare id a user's `Idempotency-Key`
 * used for two commands would make the second one vanish with a friendly acknowledgement.
 */
export const brokerId = (subject: string, id: string): string => `${id}@${subject}`;

/** The message id again. */
export const messageIdOf = (brokerIdText: string): string =>
  brokerIdText.slice(0, Math.max(0, brokerIdText.lastIndexOf("@")));
