import { type Cause, type ElbEvent, type ElbStage, elbStatusReasonMax } from "@eru/events";
import { pause } from "@eru/service";
import type { StagedHere } from "./domain/stages.ts";
import { NginxUnreachableError } from "./nginx-admin.ts";
import type { Pusher } from "./push.ts";

export type StageWatchDeps = {
  elb: string;
  stages: () => ReadonlyMap<string, StagedHere>;
  pusher: Pick<Pusher, "appliedSeq" | "rejections" | "inForce">;
  /** nginx's counters. @throws NginxUnreachableError */
  metrics: () => Promise<string>;
  judged: (event: Extract<ElbEvent, { type: "RouteStageJudged" }>, cause: Cause) => void;
  /** Milliseconds of a clock that never jumps. */
  nowMs: () => number;
};

type Counts = { requests: number; failures: number };
type Watched = {
  stage: string;
  /** Of which nginx the counts are: another one begins anew. */
  bootId: string;
  sinceMs: number;
  /** When it came into force. */
  before: Counts;
  /** When what came before was surely counted. */
  from: Counts;
  now: Counts;
  judged: boolean;
};

const lookEveryMs = 500;
/** nginx sums its counters up once a second: what comes before this may be of requests by the route before. */
const settleMs = 1_500;
/** Fewer failures than these say nothing. */
const failuresMin = 5;
/** Percent of answers that may be 5xx beyond what was before, when nobody says. */
const failuresUsual = 1;
const none: Counts = { requests: 0, failures: 0 };

/**
 * Watches the changes that this load balancer has before the others: refused by the engine they fail; those that shall
 * become everybody's by themselves fail when answers get worse, and pass when their time is over. It only says so: who
 * ends them is command-api. Started anew, it counts anew.
 */
export class StageWatch {
  readonly #deps: StageWatchDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: StageWatchDeps) {
    this.#deps = deps;
  }

  /** How each does, for heartbeats. */
  list(max: number): ElbStage[] {
    return [...this.#deps.stages().values()].slice(0, max).map(({ host, stage }) => {
      const watched = this.#watched.get(host);
      const refused = this.#refusal(host);
      const known = watched?.stage === stage ? watched : undefined;
      const { before, from, now } = known ?? { before: none, from: none, now: none };
      return {
        ...{ host, stage, applied: known !== undefined && refused === undefined },
        ...(refused !== undefined && { refused: refused.slice(0, elbStatusReasonMax) }),
        requests: Math.max(0, now.requests - from.requests),
        failures: Math.max(0, now.failures - from.failures),
        ...{ requestsBefore: before.requests, failuresBefore: before.failures },
        forMs: known ? Math.max(0, Math.round(this.#deps.nowMs() - known.sinceMs)) : 0,
      };
    });
  }

  /** Looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#deps.stages().size > 0 || this.#watched.size > 0) await this.look();
      await pause(lookEveryMs, signal);
    }
  }

  /** One look. Without nginx nothing is judged. */
  async look(): Promise<void> {
    const stages = this.#deps.stages();
    for (const [host, { stage }] of this.#watched)
      if (stages.get(host)?.stage !== stage) this.#watched.delete(host);
    const { pusher } = this.#deps;
    const bootId = pusher.inForce?.bootId;
    if (bootId === undefined) return;
    const inForce = [...stages.values()].filter(({ seq }) => pusher.appliedSeq >= seq);
    if (inForce.length === 0) return;
    try {
      const counts = countsOf(await this.#deps.metrics());
      for (const staged of inForce) this.#one(staged, bootId, counts.get(staged.host) ?? none);
    } catch (error) {
      if (!(error instanceof NginxUnreachableError)) throw error;
    }
  }

  #one(staged: StagedHere, bootId: string, now: Counts): void {
    let watched = this.#watched.get(staged.host);
    if (watched?.bootId !== bootId) {
      watched = {
        ...{ stage: staged.stage, bootId, sinceMs: this.#deps.nowMs(), before: now, from: now, now },
        judged: watched?.judged ?? false,
      };
      this.#watched.set(staged.host, watched);
    }
    watched.now = now;
    const forMs = this.#deps.nowMs() - watched.sinceMs;
    if (forMs < settleMs) watched.from = now;
    if (!watched.judged) this.#judge(staged, watched, forMs);
  }

  #judge(staged: StagedHere, watched: Watched, forMs: number): void {
    const { promoteAfterMs, failuresMaxPercent: most = failuresUsual } = staged;
    const { before, from, now } = watched;
    const refused = this.#refusal(staged.host);
    if (refused !== undefined) this.#say(staged, watched, false, `refused: ${refused}`);
    if (refused !== undefined || promoteAfterMs === undefined) return;
    const since = { requests: now.requests - from.requests, failures: now.failures - from.failures };
    const said = `${since.failures} of ${since.requests} answers were 5xx, ${before.failures} of ${before.requests} before`;
    if (since.failures >= failuresMin && percent(since) > percent(before) + most)
      this.#say(staged, watched, false, `${said}: more than ${most} % beyond`);
    else if (forMs >= Math.max(settleMs, promoteAfterMs)) this.#say(staged, watched, true, said);
  }

  #say({ host, stage, cause }: StagedHere, watched: Watched, passed: boolean, detail: string): void {
    watched.judged = true;
    const { elb } = this.#deps;
    this.#deps.judged({ type: "RouteStageJudged", elb, host, stage, passed, detail }, cause);
  }

  /** Why the engine does not take the host's line. */
  #refusal(host: string): string | undefined {
    return this.#deps.pusher.rejections.get(`r:${host}`)?.reason;
  }
}

const percent = ({ requests, failures }: Counts): number =>
  requests === 0 ? 0 : (100 * failures) / requests;

/** Answers by host, of nginx's counters. */
function countsOf(text: string): Map<string, Counts> {
  const counts = new Map<string, Counts>();
  for (const [, host = "", digit, count] of text.matchAll(
    /^eru_elb_requests_total\{host="([^"]*)",.*class="(\d)xx"\} (\d+)$/gm,
  )) {
    const { requests, failures } = counts.get(host) ?? none;
    const amount = Number(count);
    counts.set(host, { requests: requests + amount, failures: failures + (digit === "5" ? amount : 0) });
  }
  return counts;
}
