import { accept, type Decider, type UserEvent } from "@eru/events";

/** A user as their history tells it. */
export type User = { present: boolean; tokenHashes: ReadonlySet<string> };

/** Lets a user in with a token; only its hash is known here. */
export type UserCommand = { type: "AdmitUser"; user: string; tokenHash: string };

/** Users are only ever added; a token that was issued stays valid. */
export const user: Decider<User, UserCommand, UserEvent, never> = {
  initial: { present: false, tokenHashes: new Set() },

  evolve: (state, event) =>
    event.type === "UserAdded"
      ? { ...state, present: true }
      : { ...state, tokenHashes: new Set([...state.tokenHashes, event.tokenHash]) },

  decide: (state, { user, tokenHash }) => {
    const events: UserEvent[] = [];
    if (!state.present) events.push({ type: "UserAdded", user });
    if (!state.tokenHashes.has(tokenHash)) events.push({ type: "TokenIssued", user, tokenHash });
    return accept(...events);
  },
};
