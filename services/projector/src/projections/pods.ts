import type { Projection } from "../projection.ts";
import type { PodRow } from "../tables.ts";

/** Pods that exist. */
export const pods: Projection = {
  name: "pods",
  tables: `
    create table pods (
      pod text primary key,
      description text not null,
      addedSeq integer not null,
      addedAt text not null
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const add = db.prepare<PodRow>(
      "insert or replace into pods values (@pod, @description, @addedSeq, @addedAt)",
    );
    const remove = db.prepare<[string]>("delete from pods where pod = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "PodAdded")
        add.run({
          pod: event.pod,
          description: event.description,
          addedSeq: seq,
          addedAt: meta.time,
        });
      else if (event.type === "PodRemoved") remove.run(event.pod);
    };
  },
};
