import { z } from "zod";

/** What a deployment has that says nothing about it. */
export const priorityDefault = 50;

/** Whose turn it is when there is not room for all: the higher before the lower. */
export const Priority = z
  .int("priority is a whole number")
  .min(0, "priority is from 0 to 100")
  .max(100, "priority is from 0 to 100");

const waitDeadlineMostMs = 30 * 86_400_000;
/** Milliseconds that what a request adds may wait for room before it is refused. */
export const WaitDeadlineMs = z
  .int("waitDeadlineMs is a whole number of milliseconds")
  .min(1_000, "waitDeadlineMs is 1000 or more: to wait for nothing at all, set onShortage to refuse")
  .max(waitDeadlineMostMs, "waitDeadlineMs is at most thirty days");

/** How a deployment stands to others that want the same room. Absent: priority 50, it waits without end and displaces nobody. */
export const Turn = z.strictObject({
  priority: Priority.optional(),
  waitDeadlineMs: WaitDeadlineMs.optional(),
  /** It may displace workloads of a lower priority when it finds no room. */
  preempt: z.boolean().optional(),
});
export type Turn = z.infer<typeof Turn>;
