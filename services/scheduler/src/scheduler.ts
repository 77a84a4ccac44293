import { AppError, liveSubjects, subjects } from "@eru/events";
import {
  BatchTooLargeError,
  type Broker,
  batchMessagesMax,
  ConflictError,
  largeBatchMessagesMax,
} from "@eru/log";
import { backOffMs, type Logger, type Metrics, pause, Wake } from "@eru/service";
import { behind, fenceAfter, toBatches } from "./batch.ts";
import { type Attempt, type CoreOptions, lookEveryMs, SchedulerCore } from "./core.ts";
import { Measures } from "./measures.ts";
import { Past } from "./past.ts";
import type { SnapshotKeeper } from "./snapshot/keeper.ts";
import { UsageCheck } from "./usage-check.ts";

/** Milliseconds to wait for more before deciding: what comes together is decided together. */
const debounceMs = 10;
/** Milliseconds a scheduler that never quite reaches the log's end goes without deciding. Deciding behind is safe. */
const behindMostMs = 500;
/** Passes in the making of being recorded at once, of different pods. */
const commitsMax = 8;
/** Lost races in a row after which a pod gets a rest. */
const conflictsMax = 5;
const retryFirstMs = 250;
const retryMostMs = 5_000;
const lagEveryMs = 5_000;

export type SchedulerDeps = {
  broker: Broker;
  options: CoreOptions;
  metrics: Metrics;
  log: Logger;
  /** Ids of appends. */
  newId: () => string;
  /** Monotonic milliseconds: all waiting and all deadlines. */
  now: () => number;
  /** For people only. */
  time: () => string;
  /** Absent: every start reads the whole log. */
  snapshots?: SnapshotKeeper | undefined;
};

/** The scheduler as a process: follows the log, hears heartbeats, decides, records. */
export class Scheduler {
  readonly core: SchedulerCore;
  readonly #deps: SchedulerDeps;
  readonly #measures: Measures;
  readonly #past: Past;
  readonly #usage: UsageCheck;
  readonly #wake = new Wake();
  #caughtUp = false;
  /** Since when the log has been ahead of us; undefined while we are at its end. */
  #behindSince: number | undefined;
  #leads: AbortSignal = AbortSignal.abort();
  /** The lease that it has taken over with. */
  #tookOver: AbortSignal | undefined;
  /** Messages of one batch, until the broker says that it takes no more than every broker does. */
  #batchMax = largeBatchMessagesMax;
  /** Per pod, passes in a row that were not recorded. */
  readonly #failures = new Map<string, number>();

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.core = new SchedulerCore(deps.options, deps.now());
    this.#measures = new Measures(deps.metrics, this.core);
    const { log, live } = deps.broker;
    this.#past = new Past({
      ...{ log, now: deps.now },
      restore: async (seqMax, signal) => await deps.snapshots?.restore(log, signal, seqMax),
    });
    this.#usage = new UsageCheck({ core: this.core, log, live, logger: deps.log, now: deps.now });
  }

  /** Why it cannot do its work; undefined when it can. */
  notReady(): string | undefined {
    if (!this.#caughtUp) return `reading the log, at sequence ${this.core.zone.seq}`;
    return this.#deps.broker.connected() ? undefined : "not connected to the broker";
  }

  /**
   * Runs until the signal aborts.
   * @throws UnreadableEventError a message that this version cannot read: nothing is decided past it
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const all = AbortSignal.any([signal, stop.signal]);
    const parts = [
      this.#follow(all),
      this.#hearNodes(all),
      this.#hearElbs(all),
      this.#answer(all),
      this.#lead(all),
      this.#decide(all),
      this.#measureLag(all),
      this.#keepSnapshots(all),
    ];
    try {
      await Promise.all(parts);
    } finally {
      stop.abort();
      await Promise.allSettled(parts);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { broker, snapshots, log } = this.#deps;
    const snapshot = await snapshots?.restore(broker.log, signal);
    if (snapshot) {
      this.core.begin(snapshot);
      log.info({ seq: snapshot.seq }, "begins with a snapshot");
    }
    for await (const page of broker.log.follow({ fromSeq: this.core.zone.seq + 1, signal })) {
      this.core.fold(page.messages);
      this.#behindSince = page.head ? undefined : (this.#behindSince ?? this.#deps.now());
      if (page.head && !this.#caughtUp) {
        this.#caughtUp = true;
        log.info({ seq: this.core.zone.seq }, "caught up");
      }
      this.#wake.raise();
    }
  }

  async #hearNodes(signal: AbortSignal): Promise<void> {
    for await (const { subject } of this.#deps.broker.live.subscribe(liveSubjects.nodeHeartbeats, signal))
      this.core.hearNode(subject, this.#deps.now());
  }

  async #hearElbs(signal: AbortSignal): Promise<void> {
    for await (const { subject, body } of this.#deps.broker.live.subscribe(
      liveSubjects.elbHeartbeats,
      signal,
    ))
      if (!this.core.hearElb(subject, body, this.#deps.now())) this.#measures.badHeartbeat();
  }

  async #answer(signal: AbortSignal): Promise<void> {
    await this.#deps.broker.live.respond({
      subject: liveSubjects.plan,
      group: "scheduler",
      signal,
      answer: async (body) => {
        const answer = this.core.answer(body, this.notReady(), this.#deps.now());
        return JSON.stringify(
          "past" in answer ? await this.#past.at(answer.past, signal, answer.tell) : answer,
        );
      },
    });
  }

  /** Only the holder decides. It saves wasted work, nothing more: the fence in the log is what keeps two apart. */
  async #lead(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const held = await this.#deps.broker.lease.acquire("scheduler", signal);
      if (held.aborted) continue;
      this.#deps.log.info("active");
      this.#leads = held;
      this.#wake.raise();
      await this.#usage.respond(AbortSignal.any([signal, held]));
      if (!signal.aborted) this.#deps.log.warn("no longer active: the lease was not renewed in time");
    }
  }

  async #decide(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#wake.next(signal, lookEveryMs);
      await pause(debounceMs, signal);
      const { now, broker } = this.#deps;
      this.core.look(now(), broker.connected());
      this.#measures.holdsLease = !this.#leads.aborted;
      const behindMs = this.#behindSince === undefined ? 0 : now() - this.#behindSince;
      const sees = this.#caughtUp && (behindMs === 0 || behindMs >= behindMostMs);
      if (sees && !this.#leads.aborted && !signal.aborted && (await this.#takesOver())) await this.#passes();
    }
  }

  /** Begins to decide: what the one before it waited for is waited for no longer than it would have been. */
  async #takesOver(): Promise<boolean> {
    const held = this.#leads;
    if (this.#tookOver === held) return true;
    const { broker, now, log } = this.#deps;
    try {
      this.core.takeOver(await broker.log.clock(), now());
      this.#tookOver = held;
      return true;
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      log.warn({ err: error }, "the log's clock is not known yet: nothing is decided before");
      return false;
    }
  }

  async #passes(): Promise<void> {
    const { now } = this.#deps;
    const attempts: Attempt[] = [];
    let from = now();
    for (const attempt of this.core.passes(now())) {
      attempts.push(attempt);
      this.#measures.passed((now() - from) / 1_000);
      from = now();
    }
    for (let at = 0; at < attempts.length; at += commitsMax)
      await Promise.all(attempts.slice(at, at + commitsMax).map((attempt) => this.#commit(attempt)));
  }

  async #commit(attempt: Attempt): Promise<void> {
    const { broker, newId, time, now, log } = this.#deps;
    const { pass } = attempt;
    const from = now();
    try {
      let fence = pass.expectedLastSeq;
      for (const batch of toBatches(pass, { id: newId(), time: time() }, this.#batchMax))
        fence = fenceAfter(batch, await broker.log.appendBatch(behind(batch, fence)));
      this.core.recorded(attempt, fence);
      this.#failures.delete(pass.pod);
      this.#measures.recorded(pass, (now() - from) / 1_000);
      const { pod, inputSeq } = pass;
      log.info(
        { pod, inputSeq, lastSeq: fence, decisions: pass.decisions.length, orders: pass.orders.length },
        "decided",
      );
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      if (error instanceof BatchTooLargeError) {
        this.#batchMax = batchMessagesMax;
        log.info({ err: error }, "passes over many nodes are stored in several batches");
      }
      await this.#notRecorded(attempt, error);
    }
  }

  /**
   * Nothing is lost: what the pass was about is looked at again. Whether an unanswered batch was stored does not matter
   * either: if it was, its decisions are folded, and a pass that does not know them yet is refused at the fence.
   */
  async #notRecorded(attempt: Attempt, error: AppError): Promise<void> {
    const { broker, now, log } = this.#deps;
    const { pod } = attempt.pass;
    const failures = (this.#failures.get(pod) ?? 0) + 1;
    this.#failures.set(pod, failures);
    this.#measures.failed(error.code);
    const lost = error instanceof ConflictError;
    const restMs = lost && failures <= conflictsMax ? 0 : backOffMs(failures, retryFirstMs, retryMostMs);
    this.core.notRecorded(attempt, { untilSeq: 0, restUntil: now() + restMs });
    if (!lost) {
      log.warn({ pod, err: error, failures, restMs }, "a pass was not recorded");
      return;
    }
    log.info({ pod, failures, restMs }, "another scheduler was faster");
    // Wait until the winner's decision is folded, so that the next try knows it.
    const last = await broker.log.last(subjects.decision(pod)).catch((fault: unknown) => {
      if (fault instanceof AppError && fault.retryable) return undefined;
      throw fault;
    });
    this.core.notRecorded(attempt, { untilSeq: last?.seq ?? 0, restUntil: now() + restMs });
  }

  async #keepSnapshots(signal: AbortSignal): Promise<void> {
    await this.#deps.snapshots?.run(() => (this.#caughtUp ? this.core.zone.seq : undefined), signal);
  }

  async #measureLag(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#measures.lag = Math.max(0, (await this.#deps.broker.log.lastSeq()) - this.core.zone.seq);
      } catch (error) {
        if (!(error instanceof AppError && error.retryable)) throw error;
        this.#measures.lag = Number.NaN; // Nobody knows how far the log is.
      }
      this.#past.forget();
      this.#usage.forget();
      await pause(lagEveryMs, signal);
    }
  }
}
