import type { Projection } from "../projection.ts";

/** Load balancers that ever reported, and how far each has applied the route table. */
export const elbs: Projection = {
  name: "elbs",
  tables: `
    create table elbs (
      elb text primary key,
      bootId text,
      appliedSeq integer not null default 0,
      appliedAt text,
      changedPools integer not null default 0,
      changedHosts integer not null default 0,
      rejected text
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const applied = db.prepare<[string, string, number, string, number, number]>(`
      insert into elbs values (?, ?, ?, ?, ?, ?, null)
      on conflict (elb) do update set
        bootId = excluded.bootId, appliedSeq = excluded.appliedSeq, appliedAt = excluded.appliedAt,
        changedPools = excluded.changedPools, changedHosts = excluded.changedHosts`);
    const rejected = db.prepare<[string, string]>(`
      insert into elbs (elb, rejected) values (?, ?)
      on conflict (elb) do update set rejected = excluded.rejected`);
    return ({ event, seq, meta }) => {
      if (event.type === "RouteTableApplied")
        applied.run(
          event.elb,
          event.bootId,
          event.appliedSeq,
          meta.time,
          event.changedPools,
          event.changedHosts,
        );
      else if (event.type === "RouteRejected")
        rejected.run(
          event.elb,
          JSON.stringify({ host: event.host, reason: event.reason, seq, time: meta.time }),
        );
    };
  },
};
