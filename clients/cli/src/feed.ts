import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { z } from "zod";
import type { Context } from "./context.ts";
import { CliError, exitCodes } from "./errors.ts";
import { parseJson, problemError } from "./problem.ts";
import { LogEvent } from "./views.ts";

/** Milliseconds until the first try to connect again; doubling up to the second. */
const retryMsFirst = 100;
const retryMsMost = 2_000;
/** How long connecting may take, in milliseconds. */
const connectTimeoutMs = 10_000;
/** The server pings every 30 s: a connection that is silent for longer is dead. */
const silentMsMax = 75_000;

const protocol = "eru.feed.v1";

const ServerMessage = z.union([
  z.object({ type: z.literal("event"), event: LogEvent }),
  z.object({ type: z.literal("error"), code: z.string(), detail: z.string() }),
  z.looseObject({ type: z.enum(["subscribed", "caught-up", "resume"]) }),
]);
type ServerMessage = z.infer<typeof ServerMessage>;

/** What a follower gets. `lost` and `back`: the connection broke and is there again, nothing was missed in between. */
export type FeedItem =
  | { type: "event"; event: LogEvent }
  | { type: "caught-up" }
  | { type: "lost"; why: string }
  | { type: "back" };

export type FeedOptions = {
  /** Everything (`events`), a kind of history (`kind:fact`), or what events are about (`node:n1`). */
  topics: readonly string[];
  /** The first sequence wanted. */
  from: number;
  signal: AbortSignal;
};

/**
 * Events from a sequence on: what is stored, then what comes, each once and in order, across broken connections and
 * restarts of the server. Ends when the signal aborts.
 * @throws CliError at the first connection: nobody answers, or the server refuses
 */
export async function* followFeed(
  context: Context,
  { topics, from, signal }: FeedOptions,
): AsyncGenerator<FeedItem> {
  let last = { seq: from, index: -1 };
  let failures = 0;
  let opened = false;
  while (!signal.aborted) {
    try {
      for await (const message of connection(context, { topics, from: last.seq, signal })) {
        if (message.type === "subscribed") {
          if (opened) yield { type: "back" };
          opened = true;
        }
        if (message.type === "caught-up") yield { type: "caught-up" };
        if (message.type === "error")
          throw new CliError(exitCodes.refused, message.detail, { code: message.code });
        if (message.type !== "event") continue;
        failures = 0;
        // The last message may have been cut between two of its events, so it is asked for again.
        const { seq, index } = message.event;
        if (seq < last.seq || (seq === last.seq && index <= last.index)) continue;
        last = { seq, index };
        yield { type: "event", event: message.event };
      }
    } catch (error) {
      if (signal.aborted) return;
      const passing = error instanceof CliError && error.exitCode === exitCodes.unreachable;
      if (!opened || !passing) throw error;
      if (failures === 0) yield { type: "lost", why: error.message };
    }
    await sleep(Math.min(retryMsMost, retryMsFirst * 2 ** failures++), undefined, { signal }).catch(() => {});
  }
}

/** One connection as the messages that come over it. Ends when the server closes it in order. */
async function* connection(
  context: Context,
  { topics, from, signal }: FeedOptions,
): AsyncGenerator<ServerMessage> {
  const url = new URL("/v1/feed", context.queryUrl);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, protocol, {
    headers: { authorization: `Bearer ${context.token}` },
    handshakeTimeout: connectTimeoutMs,
  });
  const inbox = new Inbox();
  const broken = (why: string) => inbox.fail(unreachable(context, why));
  const dead = setTimeout(() => socket.terminate(), silentMsMax);
  const alive = () => dead.refresh();
  const end = () => socket.terminate();
  signal.addEventListener("abort", end, { once: true });
  socket.on("open", () => socket.send(JSON.stringify({ type: "subscribe", topics, from })));
  socket.on("ping", alive);
  socket.on("message", (text) => {
    alive();
    const parsed = ServerMessage.safeParse(parseJson(String(text)));
    if (parsed.success) inbox.put(parsed.data);
    else inbox.fail(new CliError(exitCodes.refused, "the feed speaks another version than this `eru`"));
  });
  socket.on(
    "unexpected-response",
    (_request, response) => void refused(context, response).then((error) => inbox.fail(error)),
  );
  socket.on("error", (error) => broken(error.message));
  socket.on("close", (code, reason) =>
    broken(`closed with ${code}${reason.length > 0 ? `: ${reason}` : ""}`),
  );
  try {
    yield* inbox.read();
  } finally {
    clearTimeout(dead);
    signal.removeEventListener("abort", end);
    socket.terminate();
  }
}

const unreachable = (context: Context, why: string): CliError =>
  new CliError(exitCodes.unreachable, `the feed at ${context.queryUrl} does not answer: ${why}`, {
    next: "start it with `eru up`, or see what runs with `eru status`",
  });

/** The server answered, but did not open the feed. */
async function refused(context: Context, response: IncomingMessage): Promise<CliError> {
  let text = "";
  for await (const chunk of response) text += chunk;
  const { statusCode: status = 0, headers } = response;
  return problemError({ status, type: headers["content-type"] ?? "", text }, context.queryUrl);
}

/** Messages between a socket that pushes and a reader that pulls; a failure comes after what was there before it. */
class Inbox {
  readonly #messages: ServerMessage[] = [];
  #failure: CliError | undefined;
  #wake: (() => void) | undefined;

  put(message: ServerMessage): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  fail(error: CliError): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<ServerMessage> {
    for (;;) {
      for (const message of this.#messages.splice(0)) yield message;
      if (this.#messages.length > 0) continue;
      if (this.#failure) throw this.#failure;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}
