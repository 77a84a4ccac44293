import { setImmediate as immediate } from "node:timers/promises";
import type { Log } from "@eru/log";
import { snapshotBlocks } from "../domain/snapshot-write.ts";
import { emptyZone } from "../domain/zone.ts";
import { foldInto } from "../fold.ts";
import { writeSnapshot } from "./file.ts";
import { type RestoreDeps, restoreZone } from "./restore.ts";

type MakeDeps = RestoreDeps & { log: Pick<Log, "epoch" | "follow" | "lastSeq"> };

/**
 * Makes a snapshot of the log as it ends now: from the one before, when that fits, and what came after it. It needs nobody's
 * memory but its own, so whoever decides need not pause for it.
 */
export async function makeSnapshot(
  deps: MakeDeps,
  signal: AbortSignal,
): Promise<{ seq: number; bytes: number } | undefined> {
  const { folder, code, log } = deps;
  const [epoch, lastSeq] = [await log.epoch(), await log.lastSeq()];
  const zone = (await restoreZone(deps, signal)) ?? emptyZone();
  if (zone.seq >= lastSeq) return undefined;
  let messageId = "";
  for await (const { messages } of log.follow({ fromSeq: zone.seq + 1, signal })) {
    foldInto(zone, messages);
    messageId = messages.at(-1)?.messageId ?? messageId;
    if (zone.seq >= lastSeq) break;
    await immediate();
  }
  if (signal.aborted) return undefined;
  const bytes = await writeSnapshot(folder, { code, epoch, seq: zone.seq, messageId }, snapshotBlocks(zone));
  return { seq: zone.seq, bytes };
}
