import type { PodEvent } from "@eru/events";
import type { Projection } from "../projection.ts";
import type { MoveRow, RebalanceRow } from "../tables.ts";

/** Rebalancings, kept for ever, and how far each of their moves is. Comes after `workloads`, whose states it reads. */
export const rebalances: Projection = {
  name: "rebalances",
  tables: `
    create table rebalances (
      rebalance integer primary key,
      pod text not null,
      goal text not null,
      requestedAt text not null,
      requestedBy text not null
    ) strict;
    create table moves (
      rebalance integer not null,
      at integer not null,
      workload text not null,
      deployment text not null,
      fromNode text not null,
      toNode text not null,
      state text not null,
      replacement text,
      detail text,
      primary key (rebalance, at)
    ) strict, without rowid;
    create index movesByWorkload on moves (workload) where state in ('waiting', 'moving');
  `,
  prepare: ({ db, workloads }) => {
    const begin = db.prepare<RebalanceRow>(
      "insert into rebalances values (@rebalance, @pod, @goal, @requestedAt, @requestedBy)",
    );
    const add = db.prepare<MoveRow>(
      "insert into moves values (@rebalance, @at, @workload, @deployment, @fromNode, @toNode, @state, @replacement, @detail)",
    );
    const open = db.prepare<[string], MoveRow>(
      "select * from moves where workload = ? and state in ('waiting', 'moving')",
    );
    const set = db.prepare<Pick<MoveRow, "rebalance" | "at" | "state" | "replacement" | "detail">>(
      "update moves set state = @state, replacement = @replacement, detail = @detail where rebalance = @rebalance and at = @at",
    );
    const turn = (workload: string, to: (move: MoveRow) => Partial<MoveRow>): void => {
      const move = open.get(workload);
      if (move) set.run({ ...move, ...to(move) });
    };
    // As the scheduler takes it: what goes already is not moved, and what has begun is not begun anew.
    const ask = ({ moves }: Extract<PodEvent, { type: "RebalanceRequested" }>, rebalance: number): void => {
      for (const [at, { workload, deployment, from: fromNode, to: toNode }] of moves.entries()) {
        const row = { rebalance, at, workload, deployment, fromNode, toNode, replacement: null };
        const there = workloads.get(workload);
        const state = !there || there.leaving !== null || there.state === "removed" ? "gone" : "waiting";
        const begun = open.get(workload)?.state === "moving";
        if (!begun && state === "waiting")
          turn(workload, () => ({ state: "dropped", detail: "asked for anew" }));
        const dropped = { ...row, state: "dropped" as const, detail: "it is being moved already" };
        add.run(begun ? dropped : { ...row, state, detail: state === "gone" ? "it was gone by then" : null });
      }
    };
    return ({ event, seq, meta }) => {
      if (event.type === "RebalanceRequested") {
        const { pod, goal } = event;
        begin.run({ rebalance: seq, pod, goal, requestedAt: meta.time, requestedBy: meta.actor });
        ask(event, seq);
      } else if (event.type === "PlacementDecided" && event.instead !== undefined)
        turn(event.instead, () => ({ state: "moving", replacement: event.placed[0]?.workload ?? null }));
      else if (event.type === "MoveDropped")
        turn(event.workload, ({ rebalance, ...move }) =>
          rebalance === event.requestSeq ? { state: "dropped", detail: event.detail } : move,
        );
      else if (event.type === "RemovalDecided")
        turn(event.workload, () =>
          event.because === "rebalanced" ? { state: "moved" } : { state: "gone", detail: event.because },
        );
    };
  },
};
