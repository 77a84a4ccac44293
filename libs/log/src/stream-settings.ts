import { messageBytesMax } from "@eru/events";

/** The stream of a zone. */
export const streamName = "ERU";

/** How long the broker remembers message ids. */
export const duplicateWindowMs = 5 * 60_000;

/** The largest message with its headers. */
export const streamMessageBytesMax = messageBytesMax;
