import { historyKinds } from "@eru/events";
import { z } from "zod";
import type { EventView } from "../queries/event-view.ts";
import { ObjectName } from "../queries/events.ts";

/** The subprotocol; a token may follow it as `bearer.<token>`, because browsers cannot set headers. */
export const feedProtocol = "eru.feed.v1";

/** Limits of the feed. Tests set some lower. */
export type FeedLimits = {
  /** Clients at a time. */
  clientsMax: number;
  /** Topics of one subscription. */
  topicsMax: number;
  /** Bytes of one message from a client. */
  messageBytesMax: number;
  /** Messages from one client within `messagesMs`. */
  messagesMax: number;
  messagesMs: number;
  /** Bytes sent and not yet taken: above it nothing more is sent to the client. */
  bufferBytesMax: number;
  /** A client that is above it and takes nothing for this long is closed. */
  slowMs: number;
  /** Between two pings; a client that answered none of them is ended. */
  pingMs: number;
};

export const feedLimits: FeedLimits = {
  clientsMax: 500,
  topicsMax: 64,
  messageBytesMax: 16 * 1024,
  messagesMax: 20,
  messagesMs: 10_000,
  bufferBytesMax: 1024 * 1024,
  slowMs: 10_000,
  pingMs: 30_000,
};

/** Everything, a kind of history, or what an event is about. */
const Topic = z.union([
  z.literal("events"),
  z.enum(historyKinds.map((kind) => `kind:${kind}` as const)),
  ObjectName,
]);

/** What a client may say. A second subscription replaces the first. */
export const ClientMessage = z.strictObject({
  type: z.literal("subscribe"),
  topics: z
    .array(Topic, "topics is a list")
    .min(1, "name at least one topic, `events` for all")
    .max(feedLimits.topicsMax, `at most ${feedLimits.topicsMax} topics`),
  /** The first sequence wanted; absent: only what comes from now on. */
  from: z
    .int()
    .min(1)
    .max(2 ** 40)
    .optional(),
});

/** What the server says. */
export type ServerMessage =
  | { type: "subscribed"; topics: readonly string[]; from: number }
  | { type: "event"; event: EventView }
  /** Everything up to this sequence has been sent; what follows is live. Once per subscription. */
  | { type: "caught-up"; seq: number }
  /** The connection ends; subscribe again from here and nothing is missed or repeated. */
  | { type: "resume"; from: number }
  | { type: "error"; code: string; detail: string };

/** How connections are closed. */
export const closeCodes = { goingAway: 1001, policy: 1008, fault: 1011, tryAgainLater: 1013 } as const;
