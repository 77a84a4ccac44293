import type { ConsumerConfig, ConsumerInfo } from "@nats-io/jetstream";
import type { Msg, Subscription } from "@nats-io/transport-node";
import type { StoredMessage } from "../log.ts";
import { messageIdOf } from "../message.ts";
import { Signals } from "../signals.ts";
import { api } from "./api.ts";
import type { Connection } from "./connection.ts";
import { streamName } from "./stream-settings.ts";

/** How often an idle server says that the consumer is alive. */
const heartbeatMs = 2_000;
/** Silence after which a consumer is given up and made anew where it stopped. */
const silenceMsMax = 3 * heartbeatMs;
/** The server forgets a consumer that nobody listens to. */
const inactiveMs = 5_000;
/** Messages that may wait here before the server is held back; it keeps at most 32 MiB on the way. */
const bufferMessagesMax = 5_000;
/** One try to make a consumer may take this long. */
const createLimitMs = 10_000;

const nanosPerMs = 1_000_000;

/** What of the stream a consumer delivers. */
export type ConsumerOptions = {
  fromSeq: number;
  subjects?: readonly string[] | undefined;
  /** Ends the making of one; a consumer that is there is ended by `close`. */
  signal?: AbortSignal;
};

/** Why a consumer could not be made. `passing`: it may work in a moment. */
export type CreateFailure = { passing: boolean; detail: string };

/**
 * One ephemeral push consumer: delivers in order from a sequence until it is lost, and says so. Who uses it knows the last
 * sequence it got and makes another one from there; nothing is kept on the server. Push, because a consumer made by a
 * create request that names its filter needs no permission beyond that one subject: an agent gets its own history only.
 */
export class Consumer {
  /** Raised when there is more to take, or the consumer is lost. */
  readonly changed = new Signals();
  readonly #connection: Connection;
  readonly #over = new AbortController();
  #subscription: Subscription | undefined;
  #buffer: StoredMessage[] = [];
  #taken = 0;
  #consumerSeq = 0;
  #pending = 0;
  #heardAtMs = performance.now();
  #heldBack: string | undefined;
  #lost: string | undefined;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Makes one. What cannot be helped by trying again is for the caller to throw. */
  static async open(connection: Connection, options: ConsumerOptions): Promise<Consumer | CreateFailure> {
    const consumer = new Consumer(connection);
    let made = false;
    try {
      const failure = await consumer.#create(options);
      made = failure === undefined;
      return failure ?? consumer;
    } finally {
      if (!made) consumer.close();
    }
  }

  /** Messages that match and had not arrived when the newest one here was sent. */
  get pending(): number {
    return this.#pending;
  }

  /** How many wait here. */
  get buffered(): number {
    return this.#buffer.length - this.#taken;
  }

  /** Why nothing more will come; `undefined` while it may. */
  get lost(): string | undefined {
    return this.#lost;
  }

  take(most: number): StoredMessage[] {
    const page = this.#buffer.slice(this.#taken, this.#taken + most);
    this.#taken += page.length;
    if (this.#taken === this.#buffer.length) {
      this.#buffer = [];
      this.#taken = 0;
    }
    if (this.#heldBack !== undefined && this.buffered < bufferMessagesMax) this.#release(this.#heldBack);
    return page;
  }

  close(): void {
    this.#lost ??= "closed";
    this.#over.abort();
    this.#subscription?.unsubscribe();
    this.changed.raise();
  }

  async #create({ fromSeq, subjects, signal }: ConsumerOptions): Promise<CreateFailure | undefined> {
    const inbox = this.#connection.newInbox();
    const only = subjects?.length === 1 ? subjects[0] : undefined;
    const name = crypto.randomUUID();
    this.#subscription = this.#connection.subscribe(inbox, {
      receive: (msg) => this.#receive(msg),
      refused: (error) => this.#lose(error.message),
    });
    const config: Partial<ConsumerConfig> = {
      name,
      deliver_policy: "by_start_sequence",
      opt_start_seq: Math.max(1, fromSeq),
      deliver_subject: inbox,
      ack_policy: "none",
      max_deliver: 1,
      replay_policy: "instant",
      flow_control: true,
      idle_heartbeat: heartbeatMs * nanosPerMs,
      inactive_threshold: inactiveMs * nanosPerMs,
      mem_storage: true,
      num_replicas: 1,
      ...(only === undefined ? {} : { filter_subject: only }),
      ...(subjects && subjects.length > 1 ? { filter_subjects: [...subjects] } : {}),
    };
    const reply = await api<ConsumerInfo>(this.#connection, {
      subject: `CONSUMER.CREATE.${streamName}.${name}${only === undefined ? "" : `.${only}`}`,
      body: { stream_name: streamName, action: "create", config },
      doing: "making a consumer",
      limitMs: createLimitMs,
      signal,
    });
    if (!reply.ok)
      return { passing: reply.status >= 500 || passingCodes.has(reply.code), detail: reply.detail };
    if (this.#consumerSeq === 0) this.#pending = reply.value.num_pending;
    void this.#guard();
    return undefined;
  }

  #receive(msg: Msg): void {
    this.#heardAtMs = performance.now();
    const { reply } = msg;
    if (!reply?.startsWith("$JS.ACK.")) {
      this.#control(msg, reply);
      return;
    }
    // $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>
    const tokens = reply.split(".");
    const at = tokens.length === 9 ? 5 : 7;
    const consumerSeq = Number(tokens[at + 1]);
    if (consumerSeq !== this.#consumerSeq + 1) {
      this.#lose(`message ${consumerSeq} came after message ${this.#consumerSeq}`);
      return;
    }
    this.#consumerSeq = consumerSeq;
    this.#pending = Number(tokens[at + 3]);
    this.#buffer.push(storedMessage(msg, Number(tokens[at]), msOf(tokens[at + 2])));
    this.changed.raise();
  }

  #control(msg: Msg, reply: string | undefined): void {
    const headers = msg.headers;
    const delivered = Number(headers?.get("Nats-Last-Consumer") || "0");
    if ((headers?.code ?? 0) >= 400) this.#lose(headers?.description ?? "the server ended the consumer");
    else if (delivered > this.#consumerSeq)
      this.#lose(`${delivered} were sent, ${this.#consumerSeq} arrived`);
    // Flow control: the server waits for this answer. A heartbeat repeats the question in case the answer was lost.
    const held = reply || headers?.get("Nats-Consumer-Stalled");
    if (!held) return;
    this.#heldBack = held;
    if (this.buffered < bufferMessagesMax) this.#release(held);
  }

  #release(held: string): void {
    this.#heldBack = undefined;
    if (this.#lost === undefined) this.#connection.send(held, "");
  }

  #lose(why: string): void {
    this.#lost ??= why;
    this.#over.abort();
    this.#subscription?.unsubscribe();
    this.changed.raise();
  }

  /** Notices what no message can tell: a broken connection, a server that went away with the consumer. */
  async #guard(): Promise<void> {
    const watch = setInterval(() => {
      if (performance.now() - this.#heardAtMs > silenceMsMax)
        this.#lose(`no heartbeat for ${silenceMsMax} ms`);
    }, heartbeatMs);
    await this.#connection.broken.next(this.#over.signal);
    clearInterval(watch);
    this.#lose("the connection broke");
  }
}

const passingCodes = new Set([
  10_026, // maximum consumers limit reached
  10_059, // stream not found, while a cluster starts
]);

/** Of nanoseconds in digits: there are more than a number holds. */
const msOf = (nanos = ""): number => Number(nanos.slice(0, -6));

function storedMessage(msg: Msg, seq: number, storedMs: number): StoredMessage {
  const body = msg.string();
  return { subject: msg.subject, seq, messageId: idIn(body) ?? idInHeader(msg), body, storedMs };
}

const bodyStart = '{"id":"';

/** The id as our writers put it first into every body. Parsing the headers instead takes a third of a replay's time. */
function idIn(body: string): string | undefined {
  if (!body.startsWith(bodyStart)) return undefined;
  const id = body.slice(bodyStart.length, body.indexOf('"', bodyStart.length));
  return id.includes("\\") ? undefined : id;
}

const idInHeader = (msg: Msg): string => messageIdOf(msg.headers?.get("Nats-Msg-Id") ?? "");
