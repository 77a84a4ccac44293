import { setImmediate as turn } from "node:timers/promises";
import { AppError, UnreadableEventError } from "@eru/events";
import type { Broker, Log, Page } from "@eru/log";
import { backOffMs, type Logger, pause } from "@eru/service";
import Database from "better-sqlite3";
import type { ElbBoard } from "./elb-board.ts";
import { BrokenViewError, ForeignLogError, LogGapError, ProjectionError } from "./errors.ts";
import type { ProjectorMetrics } from "./metrics.ts";
import type { Progress } from "./progress.ts";
import type { Position } from "./view.ts";
import type { Views } from "./views.ts";

/** Between two questions for the log's head, in milliseconds. */
const headEveryMs = 1_000;
/** Back-off after a failure, in milliseconds: first and longest. */
const retryFirstMs = 100;
const retryMostMs = 5_000;

export type ProjectorDeps = {
  /** Connects to the broker; tried again until it succeeds or its failure is for good. */
  connect: () => Promise<Broker>;
  views: Views;
  progress: Progress;
  elbs: ElbBoard;
  metrics: ProjectorMetrics;
  log: Logger;
  /** Called after every commit that queries see. */
  committed: () => void;
  signal: AbortSignal;
};

/**
 * Takes the log into the view until the signal aborts. Failures of the outside are waited out; a message that cannot be
 * taken in stops the view right before it, and queries go on. Rejects for a broker that is not usable at all, and for bugs.
 */
export async function runProjector(deps: ProjectorDeps): Promise<void> {
  const broker = await connected(deps);
  if (!broker) return;
  const end = new AbortController();
  const inner = { ...deps, signal: AbortSignal.any([deps.signal, end.signal]) };
  deps.metrics.connected(() => broker.connected());
  try {
    await Promise.all([
      followForEver(inner, broker.log).finally(() => end.abort()),
      watchHead(inner, broker.log).finally(() => end.abort()),
      deps.elbs.listen(broker.live, inner.signal).finally(() => end.abort()),
    ]);
  } finally {
    await broker.close();
  }
}

async function connected({ connect, log, signal }: ProjectorDeps): Promise<Broker | undefined> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await connect();
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      log.warn({ err: error }, "no broker yet, queries answer from what is there");
      await pause(backOffMs(attempt, retryFirstMs, retryMostMs), signal);
    }
  }
  return undefined;
}

async function followForEver(deps: ProjectorDeps, source: Log): Promise<void> {
  const { views, progress, log, metrics, signal } = deps;
  for (let failures = 0; !signal.aborted; ) {
    const before = views.target.seq;
    try {
      await follow(deps, source);
      if (views.damaged.aborted) views.rebuild("a query met damage in the file", true);
    } catch (error) {
      if (isStop(error)) {
        progress.stop(`the view stopped at sequence ${views.target.seq}: ${error.message}`);
        metrics.stopped(error.code);
        log.error({ err: error }, "the view stopped; queries go on");
        return await aborted(signal);
      }
      failures = views.target.seq > before ? 1 : failures + 1;
      metrics.failed();
      recover(error, deps);
      await pause(backOffMs(failures, retryFirstMs, retryMostMs), signal);
    }
  }
}

/** Only a newer program, or a repaired log, gets past these. */
const isStop = (error: unknown): error is AppError =>
  error instanceof UnreadableEventError || error instanceof ProjectionError || error instanceof LogGapError;

/** Rebuilds when the view is wrong, and says what is waited out. Anything that is not of the outside is a bug. */
function recover(error: unknown, { views, log }: ProjectorDeps): void {
  if (error instanceof BrokenViewError) views.rebuild(error.message, true);
  else if (error instanceof ForeignLogError) views.rebuild(error.message, false);
  else if (error instanceof AppError || error instanceof Database.SqliteError)
    log.warn({ err: error }, "the view waits");
  else throw error;
}

async function follow(deps: ProjectorDeps, source: Log): Promise<void> {
  const { views, progress, metrics } = deps;
  const signal = AbortSignal.any([deps.signal, views.damaged]);
  const start = views.target.position;
  const epoch = await source.epoch();
  await checkSameLog(source, epoch, start);
  // From the last message once more: it proves that this is the log the view was built from.
  for await (const page of source.follow({ fromSeq: Math.max(1, start.seq), signal })) {
    checkSameMessage(page, start);
    const done = metrics.page();
    views.target.apply(page.messages, epoch);
    done();
    if (page.head) {
      progress.sawHead(views.target.seq);
      views.caughtUp();
    }
    progress.moved();
    if (!views.rebuilding) deps.committed();
    // Requests get their turn between two pages of a replay.
    await turn();
    if (signal.aborted) return;
  }
}

async function checkSameLog(source: Log, epoch: string, start: Position): Promise<void> {
  if (start.seq === 0) return;
  if (start.epoch !== epoch)
    throw new ForeignLogError(`the log was created ${epoch}, the view is of one created ${start.epoch}`);
  const lastSeq = await source.lastSeq();
  if (lastSeq < start.seq)
    throw new ForeignLogError(`the log ends at sequence ${lastSeq}, the view is at ${start.seq}`);
}

/** A log that was put back from an old copy and went on differently has the same epoch and other messages. */
function checkSameMessage({ messages }: Page, { seq, messageId }: Position): void {
  const last = messages.find((message) => message.seq === seq);
  if (last && last.messageId !== messageId)
    throw new ForeignLogError(
      `the log has message ${last.messageId} at sequence ${seq}, the view was built with ${messageId}`,
    );
}

/** Keeps the head known, so that lag and standstill can be seen. */
async function watchHead({ progress, log, signal }: ProjectorDeps, source: Log): Promise<void> {
  while (!signal.aborted) {
    try {
      progress.sawHead(await source.lastSeq());
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      log.debug({ err: error }, "the log's head is not known now");
    }
    await pause(headEveryMs, signal);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
