import { AppError, type Cause, type ElbEvent, subjects } from "@eru/events";
import type { Log } from "@eru/log";
import { backOffMs, type Logger, pause, Wake } from "@eru/service";

export type ReporterDeps = { elb: string; newId: () => string; log: Logger };

type Queued = { event: ElbEvent; cause: Cause | undefined };

/** Events of one message; with the longest reasons it stays below the limit of a message. */
const eventsMax = 100;
const retryFirstMs = 100;
const retryMostMs = 5_000;

/**
 * Puts on record what the load balancer did. What cannot be appended waits in memory: a restart finds out again what
 * still matters, from the log and from nginx.
 */
export class Reporter {
  readonly #deps: ReporterDeps;
  readonly #queue: Queued[] = [];
  readonly #wake = new Wake();

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  /** Without a cause the message itself begins the chain. */
  add(event: ElbEvent, cause: Cause | undefined): void {
    const last = this.#queue.at(-1);
    if (last && merges(last.event, event)) this.#queue.pop();
    this.#queue.push({ event: last ? merged(last.event, event) : event, cause });
    this.#wake.raise();
  }

  /** Appends what was added until the signal aborts. */
  async run(log: Log, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#queue.length === 0) await this.#wake.next(signal);
      const batch = this.#queue.splice(0, eventsMax);
      if (batch.length > 0) await this.#append(log, batch, signal);
    }
  }

  async #append(log: Log, batch: readonly Queued[], signal: AbortSignal): Promise<void> {
    const { elb, newId } = this.#deps;
    const id = newId();
    const meta = { id, time: new Date().toISOString(), actor: `elb:${elb}` };
    const events = batch.map(({ event, cause }) => ({
      event,
      cause: cause ?? { correlationId: id, causationId: id },
    }));
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await log.append({ subject: subjects.elb(elb), message: { meta, events } });
        return;
      } catch (error) {
        if (!(error instanceof AppError && error.retryable)) throw error;
        this.#deps.log.warn({ err: error, attempt }, "cannot report to the log yet");
        await pause(backOffMs(attempt, retryFirstMs, retryMostMs), signal);
      }
    }
  }
}

/** Only the newest table matters to anybody. */
const merges = (before: ElbEvent, after: ElbEvent): boolean =>
  before.type === "RouteTableApplied" && after.type === "RouteTableApplied" && before.bootId === after.bootId;

const merged = (before: ElbEvent, after: ElbEvent): ElbEvent =>
  before.type === "RouteTableApplied" && after.type === "RouteTableApplied" && merges(before, after)
    ? {
        ...after,
        changedPools: before.changedPools + after.changedPools,
        changedHosts: before.changedHosts + after.changedHosts,
      }
    : after;
