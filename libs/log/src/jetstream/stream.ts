import type { StreamInfo } from "@nats-io/jetstream";
import { StreamMismatchError } from "../errors.ts";
import { api } from "./api.ts";
import type { Connection } from "./connection.ts";
import { type StreamSettings, settingDifferences } from "./stream-settings.ts";

/** How long a stream's leader is waited for: an election takes up to 8 s. */
const streamLimitMs = 20_000;

/** Of what to count the messages, and when nobody wants to know any more. */
type Asking = { countSubject?: string; signal?: AbortSignal };

const streamNotFound = 10_059;

/** The stream as its leader sees it; `undefined` when there is none. */
async function findStream(
  connection: Connection,
  name: string,
  options: Asking = {},
): Promise<StreamInfo | undefined> {
  const reply = await api<StreamInfo>(connection, {
    subject: `STREAM.INFO.${name}`,
    ...(options.countSubject === undefined ? {} : { body: { subjects_filter: options.countSubject } }),
    doing: `asking for stream ${name}`,
    limitMs: streamLimitMs,
    signal: options.signal,
  });
  if (reply.ok) return reply.value;
  if (reply.code === streamNotFound) return undefined;
  throw new Error(`stream ${name} cannot be read: ${reply.detail} (${reply.code})`);
}

/**
 * The stream as its leader sees it.
 * @throws StreamMismatchError there is none
 */
export async function streamInfo(
  connection: Connection,
  name: string,
  options: Asking = {},
): Promise<StreamInfo> {
  const found = await findStream(connection, name, options);
  if (found) return found;
  throw new StreamMismatchError(name, [{ setting: "stream", wanted: "exists", actual: "missing" }]);
}

/**
 * Makes sure that the stream is configured as wanted.
 * @throws StreamMismatchError it is missing or differs, with every differing setting
 */
export async function checkStream(connection: Connection, wanted: StreamSettings): Promise<void> {
  const { name } = wanted.config;
  const { config } = await streamInfo(connection, name);
  const differences = settingDifferences(wanted, { ...config });
  if (differences.length > 0) throw new StreamMismatchError(name, differences);
}

/** Creates the stream when it is missing, and checks it. Needs a user that may create streams. */
export async function ensureStream(connection: Connection, wanted: StreamSettings): Promise<void> {
  const { name } = wanted.config;
  if (!(await findStream(connection, name))) {
    const reply = await api(connection, {
      subject: `STREAM.CREATE.${name}`,
      body: wanted.config,
      doing: `creating stream ${name}`,
      limitMs: streamLimitMs,
    });
    if (!reply.ok) throw new Error(`stream ${name} cannot be created: ${reply.detail} (${reply.code})`);
  }
  await checkStream(connection, wanted);
}
