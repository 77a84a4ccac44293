import type { Projection } from "../projection.ts";
import type { QuotaRow } from "../tables.ts";

/** Quotas that are set. What they are used for is summed up when somebody asks. */
export const quotas: Projection = {
  name: "quotas",
  tables: `
    create table quotas (
      quota text primary key,
      app text,
      pod text,
      limits text not null,
      setSeq integer not null,
      setAt text not null,
      setBy text not null
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const set = db.prepare<QuotaRow>(
      "insert or replace into quotas values (@quota, @app, @pod, @limits, @setSeq, @setAt, @setBy)",
    );
    const remove = db.prepare<[string]>("delete from quotas where quota = ?");
    return ({ event, seq, meta }) => {
      if (event.type === "QuotaSet") {
        const { quota, app = null, pod = null, limits } = event;
        const by = { setSeq: seq, setAt: meta.time, setBy: meta.actor };
        set.run({ quota, app, pod, limits: JSON.stringify(limits), ...by });
      } else if (event.type === "QuotaRemoved") remove.run(event.quota);
    };
  },
};
