import { ElbHeartbeat, liveSubjects } from "@eru/events";
import type { Live } from "@eru/log";
import { pause } from "@eru/service";

/** A load balancer that was not heard for so long serves nobody, or cannot say so. */
const silentMostMs = 5_000;
/** Heartbeats come once a second: after so long every live one was heard. */
const listenFirstMs = 2_500;
const lookEveryMs = 50;

/** Which load balancers serve, and by which table: what their heartbeats say. */
export class ElbsHeard {
  readonly #heard = new Map<string, { appliedSeq: number; atMs: number }>();
  #sinceMs: number | undefined;

  /** Listens until the signal aborts. */
  async listen(live: Live, signal: AbortSignal): Promise<void> {
    const beats = live.subscribe(liveSubjects.elbHeartbeats, signal);
    this.#sinceMs = performance.now();
    for await (const { body } of beats) {
      const beat = ElbHeartbeat.safeParse(jsonOf(body));
      if (!beat.success) continue; // A newer load balancer's: of no use here.
      const { elb, appliedSeq } = beat.data;
      this.#heard.set(elb, { appliedSeq, atMs: performance.now() });
    }
  }

  /**
   * Waits until every live load balancer routes by the log as of `seq`.
   * @returns undefined, or after `mostMs` why not
   */
  async reached(seq: number, mostMs: number, signal: AbortSignal): Promise<string | undefined> {
    const endMs = performance.now() + mostMs;
    for (;;) {
      const behind = this.#behind(seq);
      if (behind === undefined || signal.aborted) return undefined;
      if (performance.now() > endMs) return behind;
      await pause(lookEveryMs, signal);
    }
  }

  #behind(seq: number): string | undefined {
    const nowMs = performance.now();
    const live = [...this.#heard].filter(([, { atMs }]) => nowMs - atMs < silentMostMs);
    if (this.#sinceMs === undefined || nowMs - this.#sinceMs < listenFirstMs || live.length === 0)
      return "no load balancer serves, so nobody could answer the challenge";
    const late = live.filter(([, { appliedSeq }]) => appliedSeq < seq).map(([elb]) => elb);
    return late.length === 0
      ? undefined
      : `these load balancers have not taken the challenge over: ${late.slice(0, 20).join(", ")}`;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
