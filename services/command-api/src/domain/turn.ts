import { priorityDefault, type Turn } from "@eru/events";

/** Other words about whose turn it is. What is absent stays; null: no deadline. */
export type TurnChange = { priority?: number | undefined; waitDeadlineMs?: number | null | undefined };

/** A set of one node is no part of a number that could be refused. */
export const perNodeWaits =
  "with a strategy that counts per node every node is waited for: leave the deadline out";

type Loose = { [K in keyof Turn]?: Turn[K] | undefined };

/** Only what is said, without the rest of what it stands in. */
export const turnGiven = ({ priority, waitDeadlineMs }: Loose): Turn => ({
  ...(priority !== undefined && { priority }),
  ...(waitDeadlineMs !== undefined && { waitDeadlineMs }),
});

/** What an event says of it, in full. */
export const turnIn = ({ priority = priorityDefault, waitDeadlineMs }: Loose): Turn =>
  turnGiven({ priority, waitDeadlineMs });

/** How a deployment stands after the change. */
export const changedTurn = (turn: Turn, { priority, waitDeadlineMs }: TurnChange): Turn =>
  turnIn({
    priority: priority ?? turn.priority,
    waitDeadlineMs: waitDeadlineMs === undefined ? turn.waitDeadlineMs : (waitDeadlineMs ?? undefined),
  });
