import type { Projection } from "../projection.ts";

/** Apps that exist. */
export const apps: Projection = {
  name: "apps",
  tables: `
    create table apps (
      app text primary key,
      registeredSeq integer not null,
      registeredAt text not null
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const add = db.prepare<[string, number, string]>("insert or ignore into apps values (?, ?, ?)");
    const remove = db.prepare<[string]>("delete from apps where app = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "AppRegistered") add.run(event.app, seq, meta.time);
      else if (event.type === "AppRemoved") remove.run(event.app);
    };
  },
};
