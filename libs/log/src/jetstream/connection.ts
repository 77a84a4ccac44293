import { setTimeout as sleep } from "node:timers/promises";
import {
  connect,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
  errors as natsErrors,
  headers as newHeaders,
  type Subscription,
} from "@nats-io/transport-node";
import { LogUnavailableError, NotPermittedError } from "../errors.ts";
import { Signals } from "../signals.ts";

/** Between two attempts to reach a server. */
const reconnectWaitMs = 250;
/** A connection that does not answer pings for twice this is given up. */
const pingIntervalMs = 5_000;
/** How long the first connection may take: a supervisor starts broker and services at the same time. */
const connectLimitMsDefault = 15_000;

/** Where the broker is and who we are there. */
export type ConnectionOptions = {
  servers: readonly string[];
  /** Absent: a broker without passwords. */
  user?: string;
  password?: string;
  /** Names the process in the broker's own reports. */
  name: string;
  /** Where answers are sent; the user must be allowed to subscribe below it. Absent: `_INBOX_<user>`. */
  inboxPrefix?: string;
  /** How long the first connection may take, in ms. */
  connectLimitMs?: number;
};

/** What came of asking the broker. */
export type Answer =
  | { is: "reply"; msg: Msg }
  /** Nobody listens there now: no stream leader, or no JetStream. */
  | { is: "nobody" }
  /** Nothing came back in time or the connection broke: what was asked may or may not have been done. */
  | { is: "silent"; why: string }
  | { is: "forbidden"; error: Error };

/** One connection to the broker that comes back by itself for ever. */
export class Connection {
  readonly nc: NatsConnection;
  readonly user: string;
  readonly inbox: string;
  /** Raised when a lost connection is back, and at the end. */
  readonly returned = new Signals();
  /** Raised when the connection is lost: what was on its way here will not come. */
  readonly broken = new Signals();
  readonly #asking = new Set<(answer: Answer) => void>();
  #connected = true;

  private constructor(nc: NatsConnection, user: string, inbox: string) {
    this.nc = nc;
    this.user = user;
    this.inbox = inbox;
    this.#watched = this.#watch();
  }

  readonly #watched: Promise<void>;

  /**
   * @throws LogUnavailableError no server answered
   * @throws NotPermittedError wrong user or password
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const user = options.user ?? "(none)";
    const inbox = options.inboxPrefix ?? (options.user ? `_INBOX_${options.user}` : "_INBOX");
    const wanted: NodeConnectionOptions = {
      servers: [...options.servers],
      name: options.name,
      inboxPrefix: inbox,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectWaitMs,
      // A server that starts may refuse users for a moment; giving up would need a restart of the process.
      ignoreAuthErrorAbort: true,
      pingInterval: pingIntervalMs,
      noAsyncTraces: true,
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.password === undefined ? {} : { pass: options.password }),
    };
    const deadline = performance.now() + (options.connectLimitMs ?? connectLimitMsDefault);
    for (;;) {
      try {
        return new Connection(await connect(wanted), user, inbox);
      } catch (error) {
        if (error instanceof natsErrors.AuthorizationError)
          throw new NotPermittedError(user, `connect to ${options.servers.join(", ")}`, { cause: error });
        if (performance.now() > deadline)
          throw new LogUnavailableError(`connecting to ${options.servers.join(", ")}`, undefined, {
            cause: error,
          });
        await sleep(reconnectWaitMs);
      }
    }
  }

  get connected(): boolean {
    return this.#connected && !this.nc.isClosed();
  }

  /** A subject of our own below the inbox. */
  newInbox(): string {
    return `${this.inbox}.${crypto.randomUUID()}`;
  }

  /**
   * Sends one request. Failures of the outside are answers, so that every caller must say what they mean to it. Who does
   * not want the answer any more aborts the signal.
   */
  async ask(
    subject: string,
    payload: string,
    options: { timeoutMs: number; headers?: MsgHdrs; signal?: AbortSignal | undefined },
  ): Promise<Answer> {
    const { timeoutMs, headers, signal } = options;
    this.#checkOpen();
    if (!(await this.#whenConnected(timeoutMs, signal))) return { is: "silent", why: "not connected" };
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const giveUp = (): void => resolve({ is: "silent", why: "not wanted any more" });
    signal?.addEventListener("abort", giveUp, { once: true });
    this.#asking.add(resolve);
    this.nc
      .request(subject, payload, headers ? { timeout: timeoutMs, headers } : { timeout: timeoutMs })
      .then(
        (msg) => resolve({ is: "reply", msg }),
        (error: unknown) => resolve(failure(error)),
      );
    const answer = await promise;
    this.#asking.delete(resolve);
    signal?.removeEventListener("abort", giveUp);
    return answer;
  }

  /** Listens until the subscription ends. The server's refusal comes to `refused`. */
  subscribe(
    subject: string,
    options: { receive: (msg: Msg) => void; refused: (error: NotPermittedError) => void; queue?: string },
  ): Subscription {
    this.#checkOpen();
    const { receive, refused, queue } = options;
    return this.nc.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, msg) => {
        if (error) refused(new NotPermittedError(this.user, `subscribe ${subject}`, { cause: error }));
        else receive(msg);
      },
    });
  }

  /** Sends without waiting for an answer. While not connected the message is lost. */
  send(subject: string, payload: string, headers?: MsgHdrs): void {
    this.#checkOpen();
    if (this.connected) this.nc.publish(subject, payload, headers ? { headers } : {});
  }

  async close(): Promise<void> {
    await this.nc.close();
    await this.#watched;
  }

  /** Waits for the connection, at most until the time is over or the signal aborts. */
  async #whenConnected(limitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) return false;
    if (this.connected) return true;
    const limit = AbortSignal.timeout(Math.ceil(limitMs));
    await this.returned.next(signal ? AbortSignal.any([signal, limit]) : limit);
    return this.connected && !signal?.aborted;
  }

  #checkOpen(): void {
    if (this.nc.isClosed()) throw new LogUnavailableError("using a connection that was closed");
  }

  async #watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") {
        this.#connected = false;
        // Their answers went to the connection that is gone; waiting for the time limit would only delay the retry.
        for (const resolve of this.#asking) resolve({ is: "silent", why: "the connection broke" });
        this.broken.raise();
      }
      if (status.type === "reconnect") {
        this.#connected = true;
        this.returned.raise();
      }
    }
    this.#connected = false;
    for (const resolve of this.#asking) resolve({ is: "silent", why: "the connection was closed" });
    this.broken.raise();
    this.returned.raise();
  }
}

function failure(error: unknown): Answer {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof natsErrors.NoRespondersError) return { is: "nobody" };
  if (cause instanceof natsErrors.PermissionViolationError) return { is: "forbidden", error: cause };
  return { is: "silent", why: cause instanceof Error ? cause.message : String(cause) };
}

/** Headers from pairs. */
export function headersOf(entries: Record<string, string>): MsgHdrs {
  const headers = newHeaders();
  for (const [name, value] of Object.entries(entries)) headers.append(name, value);
  return headers;
}
