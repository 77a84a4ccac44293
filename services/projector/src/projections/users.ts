import type { Projection } from "../projection.ts";

/** Users, and the hashes of their tokens to know them by. */
export const users: Projection = {
  name: "users",
  tables: `
    create table users (
      user text primary key,
      tokens integer not null,
      addedSeq integer not null,
      addedAt text not null
    ) strict, without rowid;
    create table tokens (
      tokenHash text primary key,
      user text not null
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const add = db.prepare<[string, number, string]>("insert or ignore into users values (?, 0, ?, ?)");
    const issue = db.prepare<[string, string]>("insert or ignore into tokens values (?, ?)");
    const count = db.prepare<[string]>("update users set tokens = tokens + 1 where user = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "UserAdded") add.run(event.user, seq, meta.time);
      else if (event.type === "TokenIssued" && issue.run(event.tokenHash, event.user).changes === 1)
        count.run(event.user);
    };
  },
};
