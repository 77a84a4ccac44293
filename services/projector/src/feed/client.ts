import type { WebSocket } from "@fastify/websocket";
import type { View } from "../view.ts";
import { type Chunk, readChunk } from "./entries.ts";
import { ClientMessage, closeCodes, type FeedLimits, type ServerMessage } from "./protocol.ts";
import type { Recent } from "./recent.ts";

type Subscription = { topics: ReadonlySet<string>; sentSeq: number; caughtUp: boolean };

export type ClientDeps = {
  socket: WebSocket;
  limits: FeedLimits;
  now: () => number;
  /** The sequence queries answer from. */
  seq: () => number;
  /** There may be something to do for this client. */
  wake: () => void;
  sent: (events: number) => void;
};

/**
 * One connection. It has a place in the log and walks on from there, at the pace its reader takes: from the tables while
 * it is behind, from what is kept in memory when it is not. One place and one way, so there is no seam between backlog
 * and live where an event could be missed or repeated.
 */
export class Client {
  readonly #deps: ClientDeps;
  #subscription: Subscription | undefined;
  /** When it had too much untaken, since when none of it was taken. */
  #stuck: { sinceMs: number; bytes: number } | undefined;
  #answeredPing = true;
  #pingedAtMs: number;
  #messages = { count: 0, sinceMs: 0 };

  constructor(deps: ClientDeps) {
    this.#deps = deps;
    this.#pingedAtMs = deps.now();
    deps.socket.on("message", (data, binary) => this.#receive(binary ? undefined : String(data)));
    deps.socket.on("pong", () => {
      this.#answeredPing = true;
    });
  }

  /** Sends the next chunk, when there is one and the reader takes it. True when there may be more at once. */
  step(view: View, recent: Recent): boolean {
    const subscription = this.#subscription;
    if (!subscription || this.#full()) return false;
    if (subscription.sentSeq < view.seq) {
      const chunk =
        recent.after(subscription.sentSeq) ?? readChunk(view, subscription.topics, subscription.sentSeq);
      this.#sendChunk(subscription, chunk);
    }
    if (subscription.sentSeq < view.seq) return true;
    if (!subscription.caughtUp) this.#send({ type: "caught-up", seq: view.seq });
    subscription.caughtUp = true;
    return false;
  }

  /** What time brings: pings, and the end of readers that do not read. Returns true for those that read too slowly. */
  tick(): boolean {
    const { socket, limits, now } = this.#deps;
    if (this.#stuck && this.#full() && now() - this.#stuck.sinceMs >= limits.slowMs) {
      this.end(closeCodes.tryAgainLater, "reads too slowly");
      return true;
    }
    if (now() - this.#pingedAtMs < limits.pingMs) return false;
    if (!this.#answeredPing) socket.terminate();
    this.#answeredPing = false;
    this.#pingedAtMs = now();
    if (socket.readyState === socket.OPEN) socket.ping();
    return false;
  }

  /** Says where to go on, and closes. */
  end(code: number, reason: string): void {
    if (this.#subscription) this.#send({ type: "resume", from: this.#subscription.sentSeq + 1 });
    this.#subscription = undefined;
    this.#deps.socket.close(code, reason);
  }

  /** Whether it has as much untaken as it may; notes since when nothing was taken. */
  #full(): boolean {
    const { socket, limits, now } = this.#deps;
    const bytes = socket.bufferedAmount;
    if (bytes < limits.bufferBytesMax) this.#stuck = undefined;
    else if (!this.#stuck || bytes < this.#stuck.bytes) this.#stuck = { sinceMs: now(), bytes };
    return this.#stuck !== undefined;
  }

  #sendChunk(subscription: Subscription, { entries, upTo }: Chunk): void {
    const topics = [...subscription.topics];
    let events = 0;
    let seq = 0;
    for (const entry of entries) {
      if (entry.seq !== seq && this.#full()) {
        // Stop between two messages, so that its place is always one sequence.
        subscription.sentSeq = entry.seq - 1;
        this.#deps.sent(events);
        return;
      }
      seq = entry.seq;
      if (!topics.some((topic) => entry.topics.has(topic))) continue;
      this.#write(entry.text);
      events++;
    }
    subscription.sentSeq = upTo;
    this.#deps.sent(events);
  }

  #send(message: ServerMessage): void {
    this.#write(JSON.stringify(message));
  }

  #write(text: string): void {
    this.#deps.socket.send(text, () => {
      if (this.#stuck) this.#deps.wake();
    });
  }

  #receive(text: string | undefined): void {
    const { limits, seq, wake } = this.#deps;
    if (this.#tooMany()) {
      this.#refuse(
        "too_many_messages",
        `more than ${limits.messagesMax} messages in ${limits.messagesMs / 1000} s`,
      );
      return;
    }
    const parsed = ClientMessage.safeParse(parseJson(text));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue?.path.join(".") || "the message";
      this.#refuse(
        "invalid_message",
        `send {"type":"subscribe","topics":[...],"from":<sequence>}; ${where}: ${issue?.message}`,
      );
      return;
    }
    const { topics, from = seq() + 1 } = parsed.data;
    this.#subscription = { topics: new Set(topics), sentSeq: from - 1, caughtUp: false };
    this.#send({ type: "subscribed", topics, from });
    wake();
  }

  /** Says what was wrong, and closes: a client that is wrong once is wrong again. */
  #refuse(code: string, detail: string): void {
    this.#subscription = undefined;
    this.#send({ type: "error", code, detail });
    this.#deps.socket.close(closeCodes.policy, code);
  }

  #tooMany(): boolean {
    const { limits, now } = this.#deps;
    if (now() - this.#messages.sinceMs >= limits.messagesMs) this.#messages = { count: 0, sinceMs: now() };
    this.#messages.count++;
    return this.#messages.count > limits.messagesMax;
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
