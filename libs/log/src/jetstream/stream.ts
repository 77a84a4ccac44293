import { StreamMismatchError } from "../errors.ts";
import { type StreamSettings, settingDifferences } from "../stream-settings.ts";
import { api } from "./api.ts";
import type { Connection } from "./connection.ts";

/** How long start-up waits for a stream's leader: an election takes up to 8 s. */
const streamLimitMs = 20_000;

const streamNotFound = 10_059;

/** What the server says about a stream. Answered by the stream's leader. */
export type StreamState = {
  created: string;
  config: Readonly<Record<string, unknown>>;
  state: { last_seq: number; subjects?: Record<string, number> };
};

/** The stream as its leader sees it; `undefined` when there is none. */
export async function streamState(
  connection: Connection,
  name: string,
  options: { countSubject?: string; limitMs?: number } = {},
): Promise<StreamState | undefined> {
  const reply = await api<StreamState>(connection, {
    subject: `STREAM.INFO.${name}`,
    ...(options.countSubject === undefined ? {} : { body: { subjects_filter: options.countSubject } }),
    doing: `asking for stream ${name}`,
    limitMs: options.limitMs ?? streamLimitMs,
  });
  if (reply.ok) return reply.value;
  if (reply.code === streamNotFound) return undefined;
  throw new Error(`stream ${name} cannot be read: ${reply.detail} (${reply.code})`);
}

/**
 * Makes sure that the stream is configured as wanted.
 * @throws StreamMismatchError it is missing or differs, with every differing setting
 */
export async function checkStream(connection: Connection, wanted: StreamSettings): Promise<StreamState> {
  const found = await streamState(connection, wanted.name);
  if (!found)
    throw new StreamMismatchError(wanted.name, [{ setting: "stream", wanted: "exists", actual: "missing" }]);
  const differences = settingDifferences(wanted, found.config);
  if (differences.length > 0) throw new StreamMismatchError(wanted.name, differences);
  return found;
}

/** Creates the stream when it is missing, and checks it. Needs a user that may create streams. */
export async function ensureStream(connection: Connection, wanted: StreamSettings): Promise<StreamState> {
  if (!(await streamState(connection, wanted.name))) {
    const reply = await api(connection, {
      subject: `STREAM.CREATE.${wanted.name}`,
      body: wanted,
      doing: `creating stream ${wanted.name}`,
      limitMs: streamLimitMs,
    });
    if (!reply.ok)
      throw new Error(`stream ${wanted.name} cannot be created: ${reply.detail} (${reply.code})`);
  }
  return await checkStream(connection, wanted);
}
