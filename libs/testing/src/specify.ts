import { type Decider, fold } from "@eru/events";
import { expect } from "vitest";

/** Given a history, when a command comes, what is decided: a decider's tests read as its specification. */
export function specify<S, C, E, R>(decider: Decider<S, C, E, R>) {
  return {
    /** The history so far; empty: nothing ever happened. */
    given: (...past: readonly E[]) => ({
      when: (command: C) => {
        const decision = decider.decide(fold(decider, past), command);
        return {
          /** Accepted, with exactly these events. */
          records: (...events: readonly [E, ...E[]]) => {
            expect(decision).toEqual({ ok: true, events });
          },
          /** Accepted: it was already true. */
          recordsNothing: () => {
            expect(decision).toEqual({ ok: true, events: [] });
          },
          /** Refused, with at least these fields of the reason. */
          refuses: (refusal: R extends object ? Partial<R> : R) => {
            expect(decision).toMatchObject({ ok: false, refusal });
          },
        };
      },
    }),
  };
}
