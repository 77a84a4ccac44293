import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { AppError, type EruEvent, encodeMessage, historyKind } from "@eru/events";
import type { StoredMessage } from "@eru/log";
import { ExportHeader, ExportLine } from "./format.ts";

/** An exported log that cannot be read, or not up to where it shall be. The message names the line. */
export class LogFileError extends AppError {
  readonly code = "log_file";
  readonly retryable = false;
}

/** Histories that an export holds without content, because it has secrets; nobody plans by them. */
const withoutContent = new Set(["user", "certificate", "acme"]);

/** The messages of an exported log, whole and in order, up to a sequence or to its end. */
export async function readExport(
  path: string,
  atSeq: number | undefined,
): Promise<{ messages: StoredMessage[]; seq: number }> {
  const messages: StoredMessage[] = [];
  let header: ExportHeader | undefined;
  let line = 0;
  const fault = (why: string, cause?: unknown) =>
    new LogFileError(`${path}, line ${line}: ${why}`, { cause });
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const text of lines) {
      line++;
      if (!header) {
        header = headerIn(text, fault);
        if (atSeq !== undefined && atSeq > header.upTo)
          throw fault(`the export ends at sequence ${header.upTo}, asked is for ${atSeq}`);
        continue;
      }
      const expected = messages.length + 1;
      if (expected > header.upTo)
        throw fault(`there is more than the ${header.upTo} messages of the first line`);
      messages.push(messageIn(text, expected, fault));
      if (messages.length === atSeq) break;
    }
  } catch (error) {
    if (error instanceof LogFileError) throw error;
    throw new LogFileError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  } finally {
    lines.close();
  }
  if (!header) throw new LogFileError(`${path} is empty: it is no exported log`);
  const seq = atSeq ?? header.upTo;
  if (messages.length < seq)
    throw fault(`the file is cut: it ends with sequence ${messages.length} of ${header.upTo}`);
  return { messages, seq };
}

type FaultAt = (why: string, cause?: unknown) => LogFileError;

function headerIn(text: string, fault: FaultAt): ExportHeader {
  const parsed = ExportHeader.safeParse(jsonOf(text, fault));
  if (parsed.success) return parsed.data;
  throw fault(`this is no exported log: it begins with {"format": "eru-log-1", "upTo": …}`);
}

function messageIn(text: string, expected: number, fault: FaultAt): StoredMessage {
  const parsed = ExportLine.safeParse(jsonOf(text, fault));
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw fault(`${first?.path.join(".") || "the message"}: ${first?.message ?? "is damaged"}`);
  }
  const { seq, subject, events, ...meta } = parsed.data;
  if (seq !== expected)
    throw fault(
      seq < expected
        ? `sequence ${seq} where ${expected} comes: lines are twice or not in order`
        : `sequence ${seq} where ${expected} comes: lines are missing or not in order`,
    );
  const kind = historyKind(subject);
  if (!kind) throw fault(`${subject} is no history of the log`);
  const of = { subject, seq, messageId: meta.id };
  if (withoutContent.has(kind)) return { ...of, body: "" };
  try {
    const recorded = events.map(({ type, payload, ...cause }) => ({
      // The encoder checks it against the schema of its history.
      event: { ...payload, type } as EruEvent,
      cause,
    }));
    return { ...of, body: encodeMessage(subject, { meta, events: recorded }) };
  } catch (error) {
    throw fault(`an event of ${subject} is not as it must be: ${shortOf(error)}`, error);
  }
}

function jsonOf(text: string, fault: FaultAt): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fault("it is damaged or cut: not JSON", error);
  }
}

const faultMax = 200;
const shortOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").slice(0, faultMax);
