import { randomBytes } from "node:crypto";
import { type CommandApi, createCommandApi } from "@eru/command-api";
import { encodeMessage, liveSubjects, subjects } from "@eru/events";
import type { StoredMessage } from "@eru/log";
import { MemoryBroker } from "@eru/log/memory";
import { SchedulerCore } from "@eru/scheduler/core";
import { createLog, createMetrics, hashToken, listen } from "@eru/service";
import { ExportedLog } from "./exported-log.ts";
import { readExport } from "./read-export.ts";

/** What only a zone that runs decides by. */
const options = { drainDeadlineMs: 30_000, progressDeadlineMs: 300_000, actionsMax: 0 };
const limits = { ratePerSecond: 1_000_000, inFlightMax: 16, planTimeoutMs: 60_000, waitMs: 60_000 };
const user = "offline";

/** A command-api that answers dry runs from an exported log, at an address of this machine alone. */
export type OfflineZone = AsyncDisposable & { url: string; token: string; seq: number };

/**
 * Opens an exported log, as it was at a sequence or at its end. The real command-api takes the questions and the real
 * scheduler's core answers them, so that refusals, reasons and words are those of the zone itself. No time
 * passes here, so the load balancers that the log knows are alive.
 * @throws LogFileError
 */
export async function openOffline(path: string, atSeq?: number): Promise<OfflineZone> {
  const { messages, seq } = await readExport(path, atSeq);
  const core = new SchedulerCore(options, 0);
  core.fold(messages);
  const token = randomBytes(16).toString("hex");
  const memory = new MemoryBroker();
  const log = new ExportedLog([...messages, admission(token, seq + 1)]);
  const broker = {
    ...{ log, live: memory.live, lease: memory.lease },
    connected: () => true,
    close: () => memory.close(),
  };
  const end = new AbortController();
  const answering = memory.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: end.signal,
    answer: (body) => JSON.stringify(core.answer(body, undefined, 0)),
  });
  const { app, follower }: CommandApi = await createCommandApi({
    ...{ broker, limits, metrics: createMetrics(user), log: createLog(user, "silent") },
  });
  const followed = follower.run(end.signal);
  const close = async () => {
    await app.close();
    end.abort();
    await Promise.all([followed, answering]);
  };
  try {
    await Promise.race([follower.ready, followed]);
    const port = await listen(app, "127.0.0.1", 0);
    return { url: `http://127.0.0.1:${port}`, token, seq, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/** Lets whoever has the token in, behind everything else. */
function admission(token: string, seq: number): StoredMessage {
  const subject = subjects.user(user);
  const meta = { id: user, time: new Date(0).toISOString(), actor: user };
  const cause = { correlationId: user, causationId: user };
  const event = { type: "TokenIssued", user, tokenHash: hashToken(token) } as const;
  return {
    subject,
    seq,
    messageId: user,
    body: encodeMessage(subject, { meta, events: [{ event, cause }] }),
  };
}
