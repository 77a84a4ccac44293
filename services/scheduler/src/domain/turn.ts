import { countsPerNode, priorityDefault, type Turn as Wished } from "@eru/events";
import type { Moment } from "./moment.ts";
import type { Deployment, Pod } from "./zone.ts";

/** Whose turn it is when room appears, and since when a deployment waits for some. */
export type Turn = {
  priority: number;
  /** How long what a request adds may wait; undefined: without end. */
  waitDeadlineMs: number | undefined;
  /** It may displace those of a lower priority. */
  preempt: boolean;
  /** The decision by which it began to wait. */
  since: Moment | undefined;
  /** Workloads placed in its pod when it began to wait or last got room itself. */
  placedBefore: number;
};

/** The turn of a deployment that has not waited yet. */
export const turnOf = ({ priority = priorityDefault, waitDeadlineMs, preempt = false }: Wished): Turn => ({
  priority,
  waitDeadlineMs,
  preempt,
  since: undefined,
  placedBefore: 0,
});

/** Who is served when there is not room for all: the higher priority first, then the older. */
export type Rank = { priority: number; seq: number };

/** Who has a rank: a deployment, or one that is only asked about. */
export type Ranked = { id?: string; turn: Pick<Turn, "priority">; seq: number };

export const rankOf = ({ turn, seq }: Ranked): Rank => ({
  priority: turn.priority,
  seq,
});

/** Negative when `a` comes before `b`. */
export const inTurn = (a: Rank, b: Rank): number => b.priority - a.priority || a.seq - b.seq;

/** Those deployments in the order in which they are served. */
export const orderly = (deployments: Iterable<Deployment>): Deployment[] =>
  [...deployments].sort((a, b) => inTurn(rankOf(a), rankOf(b)));

/** Notes that a deployment waits, or no longer does. */
export function noteWaiting(pod: Pod, { turn }: Deployment, waits: boolean, at: Moment): void {
  if (!waits) turn.since = undefined;
  else if (!turn.since) {
    turn.since = at;
    turn.placedBefore = pod.placed;
  }
}

/**
 * Workloads that a request added and that have found no room: they have a deadline. What replaces a lost or failed one had
 * been granted, and what an upgrade or a drain waits for is in addition to what runs: those have none.
 */
export const addedOf = ({ count, refused, accepted, removed, rollout, strategy }: Deployment): number =>
  removed || countsPerNode(strategy) || (rollout && rollout.step !== "halted" && !rollout.paused)
    ? 0
    : Math.max(0, count - refused - accepted);
