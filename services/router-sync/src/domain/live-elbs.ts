/** A load balancer that was not heard for so long serves nobody, or cannot say so. */
export const silentMostMs = 5_000;
/** Heartbeats come once a second: after so long every live one was heard. */
export const listenFirstMs = 2_500;

/** Which load balancers serve, and by which table, as their heartbeats say. */
export class LiveElbs {
  readonly #heard = new Map<string, { appliedSeq: number; atMs: number }>();
  readonly #sinceMs: number;

  /** `sinceMs`: from when on heartbeats are listened for. */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  hear(elb: string, appliedSeq: number, nowMs: number): void {
    this.#heard.set(elb, { appliedSeq, atMs: nowMs });
  }

  /** It ended in order, or has left: nobody asks it any more. */
  forget(elb: string): void {
    this.#heard.delete(elb);
  }

  /** Why not every live load balancer is known to route by the log as of `seq`; undefined when all do. */
  behind(seq: number, nowMs: number): string | undefined {
    const live = [...this.#heard].filter(([, { atMs }]) => nowMs - atMs < silentMostMs);
    if (nowMs - this.#sinceMs < listenFirstMs || live.length === 0)
      return "no load balancer serves, so nobody could answer the challenge";
    const late = live.filter(([, { appliedSeq }]) => appliedSeq < seq).map(([elb]) => elb);
    return late.length === 0
      ? undefined
      : `these load balancers have not taken the challenge over: ${late.slice(0, 20).join(", ")}`;
  }
}
