import type { EruEvent, RecordedEvent } from "@eru/events";
import { settle } from "../domain/deployment.ts";
import { deploymentOf } from "../domain/objects.ts";
import { evolve, request } from "../domain/wish.ts";
import type { Projection } from "../projection.ts";
import { createTable, type FoldedTable } from "../rows.ts";

const columns = [
  "deployment text primary key",
  "pod text not null",
  "app text not null",
  "entrypoint text not null",
  "release text not null",
  "image text not null",
  "template text not null",
  "wanted integer not null",
  "sets text",
  "resources text not null",
  "cpuMilli integer not null",
  "memoryMib integer not null",
  "asked text",
  "strategy text not null",
  "nodesLimit integer not null",
  "filter text not null",
  "onShortage text not null",
  "priority integer not null",
  "waitDeadlineMs integer",
  "preempt integer not null",
  "waiting integer not null",
  "refused integer not null",
  "removal integer not null",
  "ended integer not null",
  "halted integer not null",
  "rolloutStep text",
  "rollout text",
  "rollouts integer not null",
  "rolloutPaused integer not null",
  "rolloutBack integer not null",
  "stable text not null",
  "settled integer not null",
  "state text not null",
  "reason text",
  "reasonSeq integer",
  "countSeq integer not null",
  "requestedSeq integer not null",
  "requestedAt text not null",
  "requestedBy text not null",
  "changedSeq integer not null",
  "changedAt text not null",
] as const;

/** Every deployment ever asked for. */
export const deploymentsTable: FoldedTable = { name: "deployments", fixed: 4, columns };

/** Deployments, each with one word for how it is and the last reason why it is not as wished. Comes after `workloads`. */
export const deployments: Projection = {
  name: "deployments",
  tables: `
    ${createTable(deploymentsTable)}
    create index deploymentsByPod on deployments (pod, deployment) where state <> 'removed';
    create index deploymentsByApp on deployments (app, deployment) where state <> 'removed';
    create index deploymentsThere on deployments (deployment) where state <> 'removed';
  `,
  prepare: ({ db, deployments, workloadCounts }) => {
    const onNode = db
      .prepare<[string], string>(
        "select distinct deployment from workloads where node = ? and state <> 'removed' and state <> 'dissociated'",
      )
      .pluck();
    const change = (recorded: RecordedEvent, id: string) => {
      const { event } = recorded;
      const before = deployments.get(id);
      const next = event.type === "DeploymentRequested" ? request(before, event, recorded) : before;
      if (!next) return;
      const counts = workloadCounts.get(id) ?? {};
      deployments.set(id, settle(evolve(next, counts, recorded), counts));
    };
    return (recorded) => {
      const { event } = recorded;
      const id = touchedBy(event);
      if (id !== undefined) change(recorded, id);
      else if (event.type === "NodeLost" || event.type === "NodeRecovered" || event.type === "NodeRemoved")
        // The workloads' projection has just written its rows to look into them for the same event.
        for (const deployment of onNode.all(event.node)) change(recorded, deployment);
    };
  },
};

const touchedBy = (event: EruEvent): string | undefined =>
  "deployment" in event
    ? event.deployment
    : "workload" in event && event.type !== "EndpointDrained"
      ? deploymentOf(event.workload)
      : undefined;
