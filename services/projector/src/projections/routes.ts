import type { Projection } from "../projection.ts";
import type { RouteRow } from "../tables.ts";

/** Routes that are declared. */
export const routes: Projection = {
  name: "routes",
  tables: `
    create table routes (
      host text primary key,
      rules text not null,
      declaredSeq integer not null,
      declaredAt text not null,
      declaredBy text not null
    ) strict;
  `,
  prepare: ({ db }) => {
    const declare = db.prepare<RouteRow>(
      "insert or replace into routes values (@host, @rules, @declaredSeq, @declaredAt, @declaredBy)",
    );
    const remove = db.prepare<[string]>("delete from routes where host = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "RouteDeclared")
        declare.run({
          host: event.host,
          rules: JSON.stringify(event.rules),
          declaredSeq: seq,
          declaredAt: meta.time,
          declaredBy: meta.actor,
        });
      else if (event.type === "RouteRemoved") remove.run(event.host);
    };
  },
};
