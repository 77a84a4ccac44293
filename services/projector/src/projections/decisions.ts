import type { DecisionEvent } from "@eru/events";
import type { Projection } from "../projection.ts";
import { type DecisionRow, positionOf } from "../tables.ts";

/** The scheduler's decisions, to be found by deployment. What they say in full is in the events. */
export const decisions: Projection = {
  name: "decisions",
  tables: `
    create table decisions (
      position integer primary key,
      pod text not null,
      deployment text,
      workload text,
      type text not null,
      because text,
      placed integer not null,
      waiting integer not null,
      refused integer not null
    ) strict;
    create index decisionsByDeployment on decisions (deployment, position);
  `,
  prepare: ({ db }) => {
    const add = db.prepare<DecisionRow>(`
      insert into decisions values
        (@position, @pod, @deployment, @workload, @type, @because, @placed, @waiting, @refused)`);
    return ({ event, seq, index, subject }) => {
      const [, kind, pod = ""] = subject.split(".");
      if (kind !== "decision") return;
      add.run({ position: positionOf(seq, index), pod, ...rowOf(event as DecisionEvent) });
    };
  },
};

const rowOf = (event: DecisionEvent): Omit<DecisionRow, "position" | "pod"> => ({
  type: event.type,
  deployment: "deployment" in event ? event.deployment : null,
  workload: "workload" in event ? event.workload : null,
  because: "because" in event ? event.because : null,
  placed: event.type === "PlacementDecided" ? event.placed.length : 0,
  waiting: "waiting" in event ? event.waiting : 0,
  refused: event.type === "PlacementRefused" ? event.refused : 0,
});
