import { ElbHeartbeat, liveSubjects } from "@eru/events";
import type { Live } from "@eru/log";

/** Heartbeats come once a second: after so long every live load balancer was heard. */
export const heartbeatsMs = 2_500;

/**
 * Listens to the load balancers' heartbeats until every live one was heard, or `enough` was.
 * @returns what each said last
 */
export async function elbsHeard(
  live: Live,
  mostMs: number,
  enough: (heard: ReadonlyMap<string, ElbHeartbeat>) => boolean,
): Promise<ReadonlyMap<string, ElbHeartbeat>> {
  const heard = new Map<string, ElbHeartbeat>();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), mostMs);
  try {
    for await (const { body } of live.subscribe(liveSubjects.elbHeartbeats, over.signal)) {
      const beat = ElbHeartbeat.safeParse(parsed(body)).data;
      if (!beat) continue;
      if (beat.gone) heard.delete(beat.elb);
      else heard.set(beat.elb, beat);
      if (enough(heard)) break;
    }
  } finally {
    clearTimeout(timer);
    over.abort();
  }
  return heard;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
