import type { Projection } from "../projection.ts";
import type { ReleaseRow } from "../tables.ts";

/** Releases of the apps that exist. */
export const releases: Projection = {
  name: "releases",
  tables: `
    create table releases (
      app text not null,
      release text not null,
      gitSha text,
      image text not null,
      spec text not null,
      specText text not null,
      registeredSeq integer not null,
      registeredAt text not null,
      registeredBy text not null,
      primary key (app, release)
    ) strict;
  `,
  prepare: ({ db }) => {
    const add = db.prepare<ReleaseRow>(`
      insert or replace into releases values
        (@app, @release, @gitSha, @image, @spec, @specText, @registeredSeq, @registeredAt, @registeredBy)`);
    const removeAll = db.prepare<[string]>("delete from releases where app = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "ReleaseRegistered")
        add.run({
          app: event.app,
          release: event.release,
          gitSha: event.gitSha ?? null,
          image: event.image,
          spec: JSON.stringify(event.spec),
          specText: event.specText,
          registeredSeq: seq,
          registeredAt: meta.time,
          registeredBy: meta.actor,
        });
      else if (event.type === "AppRemoved") removeAll.run(event.app);
    };
  },
};
