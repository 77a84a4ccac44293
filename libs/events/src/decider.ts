/** The answer of a decision: events to record (none when it is already true), or a refusal with its reason. */
export type Decision<E, R> = { ok: true; events: readonly E[] } | { ok: false; refusal: R };

/**
 * One aggregate's behaviour as three pure functions. `evolve` is total: facts happened, it never refuses.
 * `decide` reads no clock and no chance: what it needs arrives in the command.
 */
export type Decider<S, C, E, R> = {
  readonly initial: S;
  readonly evolve: (state: S, event: E) => S;
  readonly decide: (state: S, command: C) => Decision<E, R>;
};

/** Accepts a command with what it changed. Without events: it was already true. */
export const accept = <E>(...events: readonly E[]): { ok: true; events: readonly E[] } => ({
  ok: true,
  events,
});

/** Refuses a command: an expected no, with a reason a person can act on. */
export const refuse = <R>(refusal: R): { ok: false; refusal: R } => ({ ok: false, refusal });

/** The state after a history. */
export const fold = <S, E>(
  decider: { initial: S; evolve: (state: S, event: E) => S },
  events: Iterable<E>,
): S => {
  let state = decider.initial;
  for (const event of events) state = decider.evolve(state, event);
  return state;
};
