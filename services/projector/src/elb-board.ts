import { ElbHeartbeat, liveSubjects } from "@eru/events";
import type { Live } from "@eru/log";

/** Milliseconds of silence after which a load balancer does not count any more; the scheduler has the same. */
const goneMs = 5_000;
/** Load balancers that are remembered; nobody has so many. */
const elbsMax = 1_000;

/** What a load balancer said last, and how long ago. */
export type ElbHeard = { agoMs: number; live: boolean; said: ElbHeartbeat };

/** What load balancers say of themselves once a second. In memory alone: it is never in the view, and true for now. */
export class ElbBoard {
  readonly #heard = new Map<string, { atMs: number; said: ElbHeartbeat }>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that never jumps. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes heartbeats until the signal aborts. */
  async listen(live: Live, signal: AbortSignal): Promise<void> {
    for await (const { subject, body } of live.subscribe(liveSubjects.elbHeartbeats, signal))
      this.hear(subject, body);
  }

  /** Takes one heartbeat. Its broker's permissions vouch for the name in the subject; what cannot be read is dropped. */
  hear(subject: string, body: string): void {
    const elb = subject.slice(subject.lastIndexOf(".") + 1);
    const said = readable(body);
    if (!said || (!this.#heard.has(elb) && this.#heard.size >= elbsMax)) return;
    this.#heard.set(elb, { atMs: this.#now(), said });
  }

  /** What it said last; undefined when it was never heard since this service started. */
  of(elb: string): ElbHeard | undefined {
    const heard = this.#heard.get(elb);
    if (!heard) return undefined;
    const agoMs = Math.max(0, Math.round(this.#now() - heard.atMs));
    return { agoMs, live: agoMs < goneMs && heard.said.gone !== true, said: heard.said };
  }
}

function readable(body: string): ElbHeartbeat | undefined {
  try {
    return ElbHeartbeat.safeParse(JSON.parse(body)).data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
