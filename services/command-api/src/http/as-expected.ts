import type { PlanChange } from "../domain/plan-difference.ts";
import type { RouteDeps } from "./command-route.ts";
import { planChanged } from "./plan-changed.ts";

/** A plan that a command rests on, how to make it anew, and how the two differ. */
type Expected<E, R> = {
  expected: E | undefined;
  ask: () => Promise<R>;
  difference: (expected: E, now: R) => PlanChange[];
};

/** Refuses a command that rests on a plan which would come out differently now. */
export async function asExpected<E extends { atSeq: number }, R extends { atSeq: number }>(
  { handling: { follower } }: RouteDeps,
  commandId: string,
  { expected, ask, difference }: Expected<E, R>,
): Promise<void> {
  if (!expected) return;
  await follower.catchUp();
  // A repetition is answered as it was the first time: by now what it did itself is in the way.
  if (follower.intent.answerTo(commandId)) return;
  const now = await ask();
  const changes = difference(expected, now);
  if (changes.length > 0) throw planChanged(expected, now, changes);
}
