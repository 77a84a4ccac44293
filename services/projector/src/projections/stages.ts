import type { Projection } from "../projection.ts";
import type { StageRow } from "../tables.ts";

/** Changes of routes that some load balancers have before the others, while they do. */
export const stages: Projection = {
  name: "stages",
  tables: `
    create table stages (
      host text primary key,
      stage text not null,
      elbs text not null,
      content text not null,
      promoteAfterMs integer,
      failuresMaxPercent real,
      judged text not null,
      stagedSeq integer not null,
      stagedAt text not null,
      stagedBy text not null
    ) strict;
  `,
  prepare: ({ db }) => {
    const begin = db.prepare<StageRow>(
      `insert or replace into stages values (@host, @stage, @elbs, @content, @promoteAfterMs, @failuresMaxPercent,
        @judged, @stagedSeq, @stagedAt, @stagedBy)`,
    );
    const end = db.prepare<[string]>("delete from stages where host = ?");
    const judge = db.prepare<[string, string, string, string]>(
      "update stages set judged = json_insert(judged, '$[#]', json(?)) where host = ? and stage = ? and instr(elbs, ?) > 0",
    );
    return ({ event, seq, meta }) => {
      if (event.type === "RouteStaged") {
        const { host, stage, elbs, content, promoteAfterMs = null, failuresMaxPercent = null } = event;
        begin.run({
          ...{ host, stage, elbs: JSON.stringify(elbs), content: JSON.stringify(content) },
          ...{ promoteAfterMs, failuresMaxPercent, judged: "[]" },
          ...{ stagedSeq: seq, stagedAt: meta.time, stagedBy: meta.actor },
        });
      } else if (event.type === "RouteStageJudged") {
        const { elb, host, stage, passed, detail } = event;
        judge.run(JSON.stringify({ elb, passed, detail }), host, stage, JSON.stringify(elb));
      } else if (
        event.type === "RouteStageEnded" ||
        event.type === "RouteDeclared" ||
        event.type === "RouteRemoved"
      )
        end.run(event.host);
    };
  },
};
