import { LogUnavailableError } from "../errors.ts";
import type { Append, Appended, Broker, FollowOptions, Log, Page } from "../log.ts";
import { checkSubject, prepare, prepareBatch } from "../message.ts";
import { appendMessage } from "./append.ts";
import { appendMessages } from "./batch.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { followLog } from "./follow.ts";
import { followNode } from "./follow-assignments.ts";
import { JetStreamLease, type LeaseTimes } from "./lease.ts";
import { NatsLive } from "./live.ts";
import { retryMsDefault } from "./publish.ts";
import { filteredHistory, type History, leaderHistory } from "./read.ts";
import { checkStream, ensureStream, streamInfo } from "./stream.ts";
import { leaseSettings, logSettings, streamName } from "./stream-settings.ts";
import { checkServerVersion } from "./version.ts";

/** How to reach the broker, and what of it to expect. */
export type BrokerOptions = ConnectionOptions & {
  /** How many servers keep each message: 1 on one machine, 3 in production. The stream is refused when it differs. */
  streamReplicas?: 1 | 3;
  /** Create the streams when they are missing. Only the setup role may. */
  ensureStreams?: boolean;
  /** This user may see its own subjects only, as an agent: reads go by consumers that its permissions can name. */
  ownSubjectsOnly?: boolean;
  /** Times of leases, for tests that cannot wait for the usual ones. */
  leaseTimes?: LeaseTimes;
  /** How long an append is asked again before its outcome is given up as unknown, in ms. */
  retryMs?: number;
};

/**
 * Connects to the broker, and refuses one that would break the log's promises without a word.
 * @throws LogUnavailableError no server, or no stream leader
 * @throws NotPermittedError wrong user, password or permissions
 * @throws ServerTooOldError
 * @throws StreamMismatchError
 */
export async function connectBroker(options: BrokerOptions): Promise<Broker> {
  const connection = await Connection.open(options);
  try {
    checkServerVersion(connection.nc.info?.version ?? "unknown");
    const replicas = options.streamReplicas ?? 1;
    if (options.ensureStreams) await ensureStream(connection, leaseSettings(replicas));
    await (options.ensureStreams ? ensureStream : checkStream)(connection, logSettings(replicas));
  } catch (error) {
    await connection.close();
    throw error;
  }
  const lease = new JetStreamLease(connection, options.leaseTimes);
  return {
    log: new JetStreamLog(connection, options),
    live: new NatsLive(connection),
    lease,
    connected: () => connection.connected,
    close: async () => {
      await lease.close();
      await connection.close();
    },
  };
}

class JetStreamLog implements Log {
  readonly #connection: Connection;
  readonly #history: History;
  readonly #retryMs: number;

  constructor(connection: Connection, options: BrokerOptions) {
    this.#connection = connection;
    this.#history = options.ownSubjectsOnly ? filteredHistory(connection) : leaderHistory(connection);
    this.#retryMs = options.retryMs ?? retryMsDefault;
  }

  async append(append: Append): Promise<Appended> {
    return await appendMessage(this.#connection, this.#history, prepare(append), this.#retryMs);
  }

  async appendBatch(appends: readonly Append[]): Promise<readonly Appended[]> {
    const batch = prepareBatch(appends);
    const [only] = batch;
    if (only === undefined) return [];
    if (batch.length === 1)
      return [await appendMessage(this.#connection, this.#history, only, this.#retryMs)];
    return await appendMessages(this.#connection, this.#history, batch, this.#retryMs);
  }

  async read(subject: string, fromSeq: number) {
    checkSubject(subject);
    return await this.#history.read(subject, fromSeq);
  }

  async last(subject: string) {
    checkSubject(subject);
    return await this.#history.last(subject);
  }

  async lastSeq(): Promise<number> {
    return (await streamInfo(this.#connection, streamName)).state.last_seq;
  }

  async clock(): Promise<number> {
    // The leader writes its time into every answer about the stream; the client's type does not name it.
    const { ts } = (await streamInfo(this.#connection, streamName)) as { ts?: string };
    const ms = Date.parse(ts ?? "");
    if (Number.isNaN(ms)) throw new LogUnavailableError(`asking for its time (the server says ${ts})`);
    return ms;
  }

  async epoch(): Promise<string> {
    return (await streamInfo(this.#connection, streamName)).created;
  }

  follow(options: FollowOptions): AsyncIterable<Page> {
    return followLog(this.#connection, options);
  }

  followAssignments(options: { node: string; fromSeq: number; signal: AbortSignal }): AsyncIterable<Page> {
    return followNode(this.#connection, options);
  }
}
