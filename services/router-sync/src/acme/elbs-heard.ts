import { ElbHeartbeat, liveSubjects } from "@eru/events";
import type { Live } from "@eru/log";
import { pause } from "@eru/service";
import { LiveElbs } from "../domain/live-elbs.ts";

const lookEveryMs = 50;

/** Listens to the load balancers' heartbeats, and waits for all of them. */
export class ElbsHeard {
  #elbs = new LiveElbs(performance.now());

  /** Listens until the signal aborts. */
  async listen(live: Live, signal: AbortSignal): Promise<void> {
    const beats = live.subscribe(liveSubjects.elbHeartbeats, signal);
    this.#elbs = new LiveElbs(performance.now());
    for await (const { body } of beats) {
      const beat = ElbHeartbeat.safeParse(jsonOf(body));
      // Otherwise it is a newer load balancer's, and of no use here.
      if (!beat.success) continue;
      // One that has left is sent no requests, so the directory does not look there.
      if (beat.data.gone || beat.data.left) this.#elbs.forget(beat.data.elb);
      else this.#elbs.hear(beat.data.elb, beat.data.appliedSeq, performance.now());
    }
  }

  /**
   * Waits until every live load balancer routes by the log as of `seq`.
   * @returns undefined, or after `mostMs` why not
   */
  async reached(seq: number, mostMs: number, signal: AbortSignal): Promise<string | undefined> {
    const endMs = performance.now() + mostMs;
    for (;;) {
      const behind = this.#elbs.behind(seq, performance.now());
      if (behind === undefined || signal.aborted) return undefined;
      if (performance.now() > endMs) return behind;
      await pause(lookEveryMs, signal);
    }
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
