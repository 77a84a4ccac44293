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
      rejected text,
      leaveAt text,
      leaveBy text
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const applied = db.prepare<[string, string, number, string, number, number]>(`
      insert into elbs values (?, ?, ?, ?, ?, ?, null, null, null)
      on conflict (elb) do update set
        bootId = excluded.bootId, appliedSeq = excluded.appliedSeq, appliedAt = excluded.appliedAt,
        changedPools = excluded.changedPools, changedHosts = excluded.changedHosts`);
    const rejected = db.prepare<[string, string]>(`
      insert into elbs (elb, rejected) values (?, ?)
      on conflict (elb) do update set rejected = excluded.rejected`);
    const told = db.prepare<[string, string | null, string | null]>(`
      insert into elbs (elb, leaveAt, leaveBy) values (?, ?, ?)
      on conflict (elb) do update set leaveAt = excluded.leaveAt, leaveBy = excluded.leaveBy`);
    const forget = db.prepare<[string]>("delete from elbs where elb = ?");
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
      else if (event.type === "ElbLeaveRequested") told.run(event.elb, meta.time, meta.actor);
      else if (event.type === "ElbJoinRequested") told.run(event.elb, null, null);
      else if (event.type === "ElbForgotten") forget.run(event.elb);
      else if (event.type === "RouteRejected")
        rejected.run(
          event.elb,
          JSON.stringify({ host: event.host, reason: event.reason, seq, time: meta.time }),
        );
    };
  },
};
