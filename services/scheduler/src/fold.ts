import { decodeMessage, historyKind } from "@eru/events";
import type { StoredMessage } from "@eru/log";
import { apply, decidingKinds } from "./domain/apply.ts";
import type { Zone } from "./domain/zone.ts";

/**
 * Folds messages into a zone; those that were folded before are skipped.
 * @throws UnreadableEventError
 */
export function foldInto(zone: Zone, messages: readonly StoredMessage[]): void {
  for (const message of messages) {
    if (message.seq <= zone.seq) continue;
    zone.storedMs = message.storedMs;
    if (decidingKinds.has(historyKind(message.subject) ?? ""))
      for (const recorded of decodeMessage(message)) apply(zone, recorded);
    zone.seq = message.seq;
  }
}
