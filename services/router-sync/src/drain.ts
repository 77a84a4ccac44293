import type { Cause } from "@eru/events";
import type { PendingDrain } from "./domain/route-fold.ts";
import type { DrainStatus, NginxAdmin } from "./nginx-admin.ts";

/** What drains need to know of the table in force. */
type TableView = {
  readonly appliedSeq: number;
  readonly inForce: { bootId: string; token: number } | undefined;
  mayReceive(workload: string): boolean;
};

export type DrainsDeps = {
  pending: () => ReadonlyMap<string, PendingDrain>;
  table: TableView;
  admin: Pick<NginxAdmin, "drain">;
  /** Never called twice for one removal. */
  drained: (drained: { workload: string; inFlight: number; cause: Cause }) => void;
  /** Milliseconds of a clock that never jumps. */
  nowMs: () => number;
};

type Watched = {
  /** Which removal. */
  seq: number;
  sinceMs: number;
  /** Workers that saw this change cannot choose the endpoint any more. */
  barrier: { bootId: string; token: number } | undefined;
  zeros: number;
  inFlight: number;
  reported: boolean;
};

/** nginx answers for so many endpoints at once. */
const endpointsMax = 200;
/** Requests are counted before a worker acknowledges; the second look makes up for a worker on its way out. */
const zerosWanted = 2;

/** Watches removed endpoints until no request goes to them: all workers saw the change, then in-flight is zero twice. */
export class Drains {
  readonly #deps: DrainsDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: DrainsDeps) {
    this.#deps = deps;
  }

  /** Removals that are not reported yet. */
  get size(): number {
    return [...this.#watched.values()].filter(({ reported }) => !reported).length;
  }

  /** The removals that are not reported yet, the oldest first, with the requests that were under way at the last look. */
  list(max: number): { workload: string; inFlight: number; sinceMs: number; deadlineMs: number }[] {
    const pending = this.#deps.pending();
    const now = this.#deps.nowMs();
    return [...this.#watched]
      .filter(([, { reported }]) => !reported)
      .slice(0, max)
      .map(([workload, { inFlight, sinceMs }]) => ({
        ...{ workload, inFlight, sinceMs: Math.max(0, Math.round(now - sinceMs)) },
        deadlineMs: pending.get(workload)?.deadlineMs ?? 0,
      }));
  }

  /**
   * One look. Call it every 50 ms while something is pending.
   * @throws NginxUnreachableError deadlines were looked at all the same
   */
  async poll(): Promise<void> {
    const pending = this.#deps.pending();
    for (const workload of this.#watched.keys()) if (!pending.has(workload)) this.#watched.delete(workload);
    const quiet: string[] = [];
    for (const [workload, { seq, deadlineMs, cause }] of pending) {
      const watched = this.#watch(workload, seq);
      if (watched.reported) continue;
      if (this.#deps.nowMs() - watched.sinceMs >= deadlineMs) this.#report(workload, watched, cause);
      else if (this.#isOut(workload, seq)) quiet.push(workload);
    }
    for (let at = 0; at < quiet.length; at += endpointsMax)
      await this.#look(quiet.slice(at, at + endpointsMax), pending);
  }

  #watch(workload: string, seq = this.#deps.pending().get(workload)?.seq ?? 0): Watched {
    const known = this.#watched.get(workload);
    if (known?.seq === seq) return known;
    const sinceMs = this.#deps.nowMs();
    const watched: Watched = { seq, sinceMs, barrier: undefined, zeros: 0, inFlight: 0, reported: false };
    this.#watched.set(workload, watched);
    return watched;
  }

  #isOut(workload: string, seq: number): boolean {
    const { table } = this.#deps;
    return table.inForce !== undefined && table.appliedSeq >= seq && !table.mayReceive(workload);
  }

  async #look(workloads: readonly string[], pending: ReadonlyMap<string, PendingDrain>): Promise<void> {
    const { inForce } = this.#deps.table;
    if (!inForce) return;
    for (const workload of workloads) {
      const watched = this.#watch(workload);
      if (watched.barrier?.bootId === inForce.bootId) continue;
      watched.barrier = { bootId: inForce.bootId, token: inForce.token };
      watched.zeros = 0;
    }
    const status = await this.#deps.admin.drain(workloads);
    for (const workload of workloads) {
      const watched = this.#watch(workload);
      const cause = pending.get(workload)?.cause;
      this.#judge(watched, status, workload);
      if (cause && watched.zeros >= zerosWanted) this.#report(workload, watched, cause);
    }
  }

  #judge(watched: Watched, status: DrainStatus, workload: string): void {
    const { http = 0, upgraded = 0 } = status.endpoints[workload] ?? {};
    const { barrier } = watched;
    watched.inFlight = http + upgraded;
    const seen = barrier?.bootId === status.bootId && status.ackedToken >= barrier.token;
    watched.zeros = seen && watched.inFlight === 0 ? watched.zeros + 1 : 0;
  }

  #report(workload: string, watched: Watched, cause: Cause): void {
    watched.reported = true;
    this.#deps.drained({ workload, inFlight: watched.inFlight, cause });
  }
}
