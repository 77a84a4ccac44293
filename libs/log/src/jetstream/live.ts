import type { Msg } from "@nats-io/transport-node";
import { LogUnavailableError, NotPermittedError } from "../errors.ts";
import { LiveQueue } from "../live-queue.ts";
import type { Live } from "../log.ts";
import { Signals } from "../signals.ts";
import type { Connection } from "./connection.ts";

/** Live messages over core NATS. */
export class NatsLive implements Live {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  publish(subject: string, body: string): void {
    // Not kept while disconnected: a burst of old heartbeats would say that somebody lives who does not.
    if (this.#connection.connected) this.#connection.send(subject, body);
  }

  subscribe(subject: string, signal: AbortSignal): AsyncIterable<{ subject: string; body: string }> {
    const queue = new LiveQueue();
    if (signal.aborted) return queue.drain(signal);
    const subscription = this.#connection.subscribe(subject, {
      receive: (msg) => {
        if (!fromStream(msg)) queue.push({ subject: msg.subject, body: msg.string() });
      },
      refused: (error) => queue.fail(error),
    });
    signal.addEventListener("abort", () => subscription.unsubscribe(), { once: true });
    return queue.drain(signal);
  }

  async request(subject: string, body: string, timeoutMs: number): Promise<string> {
    const answer = await this.#connection.ask(subject, body, { timeoutMs });
    if (answer.is === "reply") return answer.msg.string();
    if (answer.is === "forbidden")
      throw new NotPermittedError(this.#connection.user, `ask ${subject}`, { cause: answer.error });
    const why = answer.is === "nobody" ? "nobody answers there" : answer.why;
    throw new LogUnavailableError(`asking ${subject}`, undefined, { cause: new Error(why) });
  }

  async respond(options: {
    subject: string;
    group: string;
    signal: AbortSignal;
    answer: (body: string) => string | Promise<string>;
  }): Promise<void> {
    const { subject, group, signal, answer } = options;
    if (signal.aborted) return;
    const failed = new Signals();
    let failure: Error | undefined;
    const fail = (error: unknown): void => {
      failure = error instanceof Error ? error : new Error(String(error));
      failed.raise();
    };
    const subscription = this.#connection.subscribe(subject, {
      queue: group,
      receive: (msg) => {
        if (msg.reply) void reply(msg, answer).catch(fail);
      },
      refused: fail,
    });
    await failed.next(signal);
    if (!subscription.isClosed()) subscription.unsubscribe();
    if (failure) throw failure;
  }
}

async function reply(msg: Msg, answer: (body: string) => string | Promise<string>): Promise<void> {
  msg.respond(await answer(msg.string()));
}

/**
 * A user may let the stream deliver its own messages to any subject, also to one that it may not publish. What a stream
 * delivers has a subject for acknowledgements; nothing live has one.
 */
export const fromStream = (msg: Msg): boolean => msg.reply?.startsWith("$JS.ACK.") ?? false;
