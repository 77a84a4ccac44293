import type { Projection } from "../projection.ts";
import type { RouteRow } from "../tables.ts";

/** Routes that are declared. */
export const routes: Projection = {
  name: "routes",
  tables: `
    create table routes (
      host text primary key,
      app text,
      content text not null,
      section text,
      declaredSeq integer not null,
      declaredAt text not null,
      declaredBy text not null
    ) strict;
  `,
  prepare: ({ db }) => {
    const declare = db.prepare<RouteRow>(
      "insert or replace into routes values (@host, @app, @content, @section, @declaredSeq, @declaredAt, @declaredBy)",
    );
    const remove = db.prepare<[string]>("delete from routes where host = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "RouteDeclared") {
        const { type: _, host, section = null, restores: __, ...content } = event;
        declare.run({
          host,
          app: content.app ?? null,
          content: JSON.stringify(content),
          section,
          declaredSeq: seq,
          declaredAt: meta.time,
          declaredBy: meta.actor,
        });
      } else if (event.type === "RouteRemoved") remove.run(event.host);
    };
  },
};
