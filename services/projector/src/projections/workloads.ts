import type { RecordedEvent } from "@eru/events";
import {
  ask,
  askRealloc,
  endRealloc,
  finish,
  goOn,
  reallocate,
  succeeded,
  succeedWith,
} from "../domain/change.ts";
import { isAboutLeaving, leaveOrReturn } from "../domain/dissociation.ts";
import {
  assign,
  bookingOf,
  books,
  leave,
  observe,
  place,
  setLost,
  stop,
  type Workload,
  type WorkloadState,
  workloadStates,
} from "../domain/workload.ts";
import type { Projection, Store } from "../projection.ts";
import { createTable, type FoldedTable } from "../rows.ts";

const columns = [
  "workload text primary key",
  "deployment text not null",
  "pod text not null",
  "app text not null",
  "entrypoint text not null",
  "node text not null",
  "release text not null",
  "image text",
  "generation integer not null",
  "cpuMilli integer not null",
  "memoryMib integer not null",
  "asked text",
  "granted text",
  "observed text not null",
  "leaving text",
  "lost integer not null",
  "state text not null",
  "attempt integer not null",
  "containerId text",
  "endpoints text not null",
  "firstPort integer",
  "lastError text",
  "lastErrorAt text",
  "exitCode integer",
  "outOfMemory integer not null",
  "retryInMs integer",
  "placedBecause text",
  "leavingBecause text",
  "change text",
  "reallocTo text",
  "placedSeq integer not null",
  "placedAt text not null",
  "changedSeq integer not null",
  "changedAt text not null",
  "startedAt text",
  "healthySeq integer",
  "healthyAt text",
  "removedAt text",
  "dissociatedAt text",
  "dissociatedBy text",
] as const;

/** Every workload ever placed. */
export const workloadsTable: FoldedTable = { name: "workloads", fixed: 6, columns };

/** How many workloads of a deployment are in each state. */
export const workloadCountsTable: FoldedTable = {
  name: "workloadCounts",
  fixed: 1,
  columns: ["deployment text primary key", ...workloadStates.map((state) => `${state} integer not null`)],
};

/** What is booked on a node. */
export const nodeUseTable: FoldedTable = {
  name: "nodeUse",
  fixed: 1,
  columns: [
    "node text primary key",
    "workloads integer not null",
    "cpuMilli integer not null",
    "memoryMib integer not null",
  ],
};

/**
 * Workloads, with what follows from them and is asked for often: how many of a deployment are in each state, and what is
 * booked on a node. Counted by difference, because counting again is quadratic over a log.
 */
export const workloads: Projection = {
  name: "workloads",
  tables: `
    ${[workloadsTable, workloadCountsTable, nodeUseTable].map(createTable).join("\n")}
    create index workloadsByDeployment on workloads (deployment, workload);
    create index workloadsByNode on workloads (node, workload) where state <> 'removed';
    create index workloadsByApp on workloads (app, workload) where state <> 'removed';
    create index workloadsChanged on workloads (deployment) where change is not null;
    create index workloadsThere on workloads (workload) where state <> 'removed';
  `,
  prepare: (store) => {
    const rows = prepareRows(store);
    return (recorded) => {
      const { event, seq, meta } = recorded;
      const at = { seq, time: meta.time };
      if (isAboutLeaving(event)) {
        rows.change(event.workload, (current) => current && leaveOrReturn(current, event, at, meta.actor));
        return;
      }
      switch (event.type) {
        case "PlacementDecided":
          placeAll(recorded, rows);
          break;
        case "WorkloadAssigned":
          rows.change(event.workload, (current) => assign(current, event, at));
          break;
        case "RemovalDecided":
        case "StopDecided":
          rows.change(
            event.workload,
            (current) => current && succeeded(leave(current, event, at), event, at),
          );
          break;
        case "WorkloadStopAssigned":
          rows.change(event.workload, (current) => current && stop(current, at));
          break;
        case "WorkloadChangeRequested":
          rows.change(event.workload, (current) => current && ask(current, event, at));
          break;
        case "ChangeDecided":
        case "ChangeOrdered":
        case "ChangeRefused":
          rows.change(event.workload, (current) => current && goOn(current, event, at));
          break;
        case "WorkloadReallocRequested":
          rows.change(event.workload, (current) => current && askRealloc(current, at));
          break;
        case "ReallocDecided":
        case "ReallocRefused":
          rows.change(event.workload, (current) => current && reallocate(current, event, at));
          break;
        case "ReallocDone":
        case "ReallocFailed":
          rows.change(event.workload, (current) => current && endRealloc(current, event, at));
          break;
        case "ContainerCreated":
        case "ContainerStarted":
        case "ContainerHealthy":
        case "ContainerUnhealthy":
        case "HookEnded":
        case "ContainerStopped":
        case "ReplacementUndone":
        case "ContainerExited":
        case "ContainerFailed":
        case "ContainerRemoved":
          rows.change(event.workload, (current) => current && finish(observe(current, event, at), event, at));
          break;
        case "NodeLost":
        case "NodeRecovered":
        case "NodeRemoved":
          for (const workload of rows.onNode(event.node))
            rows.change(
              workload,
              (current) => current && setLost(current, event.type === "NodeRecovered" ? 0 : 1, at),
            );
          break;
        default: // Changes no workload.
      }
    };
  },
};

function placeAll({ event, subject, seq, meta }: RecordedEvent, rows: Rows): void {
  if (event.type !== "PlacementDecided") return;
  const of = rows.ofDeployment(event.deployment);
  if (!of) return; // Nobody asked for it; its assignments will say what it is.
  const at = { seq, time: meta.time };
  for (const { workload, node, granted, replaces } of event.placed) {
    rows.change(
      workload,
      (current) =>
        // Ids are never used twice: a row that is there came with its assignment.
        current ??
        place(at, {
          workload,
          deployment: event.deployment,
          pod: subject.split(".")[2] ?? "",
          app: of.app,
          entrypoint: of.entrypoint,
          release: event.release,
          node,
          ...bookingOf(event.reasons.resources, granted),
          placedBecause: event.because,
        }),
    );
    if (!replaces) continue;
    const { requestSeq } = replaces;
    const come = { requestSeq, successor: workload };
    rows.change(replaces.workload, (current) => current && succeedWith(current, come, at));
  }
}

type Rows = ReturnType<typeof prepareRows>;

function prepareRows({ db, workloads, workloadCounts, nodeUse, deployments }: Store) {
  const onNode = db
    .prepare<[string], string>(
      "select workload from workloads where node = ? and state <> 'removed' and state <> 'dissociated'",
    )
    .pluck();
  const count = ({ deployment, state }: Workload, change: 1 | -1) => {
    const counts = workloadCounts.get(deployment) ?? { deployment, ...noWorkloads };
    workloadCounts.set(deployment, { ...counts, [state]: counts[state] + change });
  };
  const book = (workload: Workload, sign: 1 | -1) => {
    if (!books(workload)) return;
    const { node, cpuMilli, memoryMib } = workload;
    const used = nodeUse.get(node) ?? { node, workloads: 0, cpuMilli: 0, memoryMib: 0 };
    nodeUse.set(node, {
      node,
      workloads: used.workloads + sign,
      cpuMilli: used.cpuMilli + sign * cpuMilli,
      memoryMib: used.memoryMib + sign * memoryMib,
    });
  };
  return {
    onNode: (node: string) => {
      workloads.flush();
      return onNode.all(node);
    },
    ofDeployment: (deployment: string) => deployments.get(deployment),
    change(id: string, next: (current: Workload | undefined) => Workload | undefined): void {
      const before = workloads.get(id);
      const after = next(before);
      if (!after || after === before) return;
      workloads.set(id, after);
      if (before) {
        count(before, -1);
        book(before, -1);
      }
      count(after, 1);
      book(after, 1);
    },
  };
}

const noWorkloads = Object.fromEntries(workloadStates.map((state) => [state, 0])) as Record<
  WorkloadState,
  number
>;
