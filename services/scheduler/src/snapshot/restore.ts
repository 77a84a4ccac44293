import { CheckpointAheadError, type Log } from "@eru/log";
import type { Logger } from "@eru/service";
import type { Zone } from "../domain/zone.ts";
import { SnapshotFile } from "./file.ts";

export type RestoreDeps = {
  folder: string;
  /** The program that reads it. */
  code: string;
  log: Pick<Log, "epoch" | "follow">;
  logger: Logger;
};

/**
 * The zone of the folder's snapshot, at most as new as `seqMax`; undefined when there is none that fits this log and this
 * program. Then the log says all, as it would have anyway: why is said, and nothing else is lost than time.
 */
export async function restoreZone(
  { folder, code, log, logger }: RestoreDeps,
  signal: AbortSignal,
  seqMax = Number.POSITIVE_INFINITY,
): Promise<Zone | undefined> {
  let file: SnapshotFile | undefined;
  try {
    file = await SnapshotFile.open(folder);
    if (!file || file.head.seq > seqMax) return undefined;
    const misfit = await misfitOf(file, code, log, signal);
    if (misfit === undefined) return await wholeZone(file);
    logger.info({ folder, seq: file.head.seq, reason: misfit }, "the snapshot is set aside");
  } catch (error) {
    if (signal.aborted) return undefined;
    logger.warn({ folder, err: error }, "the snapshot cannot be used: it is set aside");
  } finally {
    await file?.close();
  }
  return undefined;
}

async function wholeZone(file: SnapshotFile): Promise<Zone> {
  const zone = await file.zone();
  if (zone.seq !== file.head.seq)
    throw new Error(`it says to be of sequence ${file.head.seq} and is of ${zone.seq}`);
  return zone;
}

/** Why a snapshot is not of this log or this program. */
async function misfitOf(
  { head }: SnapshotFile,
  code: string,
  log: RestoreDeps["log"],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (head.code !== code) return "it was written by another version of the scheduler";
  if (head.epoch !== (await log.epoch())) return "it is of another log";
  // A log that was restored from an older copy is the same by name, and may have gone on otherwise.
  return (await messageIdAt(log, head.seq, signal)) === head.messageId
    ? undefined
    : `the log has another message at sequence ${head.seq}`;
}

async function messageIdAt(
  log: RestoreDeps["log"],
  seq: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = new AbortController();
  try {
    for await (const { messages } of log.follow({
      fromSeq: seq,
      signal: AbortSignal.any([signal, found.signal]),
    })) {
      found.abort();
      const [first] = messages;
      return first?.seq === seq ? first.messageId : undefined;
    }
  } catch (error) {
    if (!(error instanceof CheckpointAheadError)) throw error;
  }
  return undefined;
}
