import { countsPerNode, priorityDefault, type Strategy, type Turn } from "@eru/events";

/** Other words about whose turn it is. What is absent stays; null: no deadline. */
export type TurnChange = {
  priority?: number | undefined;
  waitDeadlineMs?: number | null | undefined;
  preempt?: boolean | undefined;
};

/** A set of one node is no part of a number that could be refused. */
export const perNodeWaits =
  "with a strategy that counts per node every node is waited for: leave the deadline out";

type Loose = { [K in keyof Turn]?: Turn[K] | undefined };

/** Only what is said, without the rest of what it stands in. */
export const turnGiven = ({ priority, waitDeadlineMs, preempt }: Loose): Turn => ({
  ...(priority !== undefined && { priority }),
  ...(waitDeadlineMs !== undefined && { waitDeadlineMs }),
  ...(preempt && { preempt }),
});

/** What an event says of it, in full. */
export const turnIn = ({ priority = priorityDefault, waitDeadlineMs, preempt }: Loose): Turn =>
  turnGiven({ priority, waitDeadlineMs, preempt });

/** How a deployment stands after the change. */
export const changedTurn = (turn: Turn, { priority, waitDeadlineMs, preempt }: TurnChange): Turn =>
  turnIn({
    priority: priority ?? turn.priority,
    waitDeadlineMs: waitDeadlineMs === undefined ? turn.waitDeadlineMs : (waitDeadlineMs ?? undefined),
    preempt: preempt ?? turn.preempt,
  });

/** Why a deployment that stands so cannot displace others; undefined when it can, or does not ask for it. */
export function cannotPreempt(
  { preempt, priority = priorityDefault }: Loose,
  { strategy, onShortage }: { strategy: Strategy; onShortage: "wait" | "refuse" },
): string | undefined {
  if (!preempt) return undefined;
  if (priority === 0)
    return "nothing is lower than priority 0: give a priority above 0, or leave preempt out";
  if (countsPerNode(strategy))
    return `with strategy ${strategy} each node has its own number, and nobody goes for that: leave preempt out, or use auto, global or drained`;
  return onShortage === "refuse"
    ? "with onShortage refuse nothing waits until others have gone: set onShortage to wait, with a waitDeadlineMs if it shall end"
    : undefined;
}
