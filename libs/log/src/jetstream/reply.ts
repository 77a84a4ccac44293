import type { Answer } from "./connection.ts";

/** What the broker said about a publish, in the words of the log. Every row of the table of answers is one case. */
export type Verdict =
  | { is: "stored"; seq: number; duplicate: boolean; count: number }
  /** The first message of a batch was taken in; nothing is stored yet. */
  | { is: "staged" }
  /** The subject is not where the writer thought. May be our own earlier attempt. */
  | { is: "moved"; detail: string }
  /** A batch holds an id that is stored already. May be our own earlier attempt. */
  | { is: "repeated" }
  /** Someone is writing there this very moment, or the batch was given up: ask again with the same ids. */
  | { is: "busy"; detail: string }
  /** No answer, so the outcome is unknown: ask again with the same ids. */
  | { is: "silent"; why: string }
  | { is: "full"; why: string }
  | { is: "forbidden"; error: Error }
  /** The stream has no atomic batches. */
  | { is: "unsupported"; detail: string }
  /** The batch has more messages than the server is set up for. */
  | { is: "too_large"; detail: string }
  | { is: "refused"; code: number; detail: string };

/** An answer of the JetStream API to a publish. */
type PublishReply = {
  stream?: string;
  seq?: number;
  duplicate?: boolean;
  count?: number;
  error?: { code?: number; err_code?: number; description?: string };
};

const codes: Record<number, "moved" | "busy" | "repeated" | "full" | "silent" | "unsupported" | "too_large"> =
  {
    10071: "moved", // wrong last sequence
    10164: "busy", // wrong last sequence, while another append is in process
    10158: "busy", // the same message id is in process
    10201: "repeated", // the batch contains a duplicate message id
    10176: "busy", // the batch is incomplete: the server gave it up
    10174: "unsupported", // atomic publish is disabled
    10199: "too_large", // the batch exceeds the limit of the server
    10002: "full", // resource limits of the account
    10023: "full", // insufficient resources
    10028: "full", // insufficient memory
    10047: "full", // insufficient storage
    10077: "full", // the store failed: limits reached, disk full
    10008: "silent", // JetStream temporarily unavailable
    10009: "silent", // not the leader any more
    10039: "silent", // JetStream is off for the account, as during a fail-over
    10076: "silent", // JetStream is off, as after a full disk or during start
  };

/** Reads the answer to a publish. */
export function verdict(answer: Answer): Verdict {
  switch (answer.is) {
    case "nobody":
      return { is: "silent", why: "no stream leader answers" };
    case "silent":
    case "forbidden":
      return answer;
    case "reply":
      return answer.msg.data.length === 0 ? { is: "staged" } : fromReply(parse(answer.msg.string()));
    default:
      return answer satisfies never;
  }
}

function fromReply(reply: PublishReply): Verdict {
  const { error, seq } = reply;
  if (!error) {
    if (seq === undefined) return { is: "refused", code: 0, detail: "an answer without a sequence" };
    return { is: "stored", seq, duplicate: reply.duplicate ?? false, count: reply.count ?? 1 };
  }
  const code = error.err_code ?? 0;
  const detail = error.description ?? `error ${code}`;
  const is = codes[code];
  switch (is) {
    case "moved":
    case "busy":
    case "unsupported":
    case "too_large":
      return { is, detail };
    case "repeated":
      return { is };
    case "full":
    case "silent":
      return { is, why: detail };
    case undefined:
      return { is: "refused", code, detail };
    default:
      return is satisfies never;
  }
}

function parse(text: string): PublishReply {
  try {
    return JSON.parse(text) as PublishReply;
  } catch {
    return { error: { err_code: 0, description: `not an answer of JetStream: ${text.slice(0, 100)}` } };
  }
}
