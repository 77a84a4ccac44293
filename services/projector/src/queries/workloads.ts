import {
  AppName,
  DeploymentId,
  type Endpoint,
  Granted,
  NodeName,
  Resources,
  WorkloadChange,
  WorkloadId,
} from "@eru/events";
import { z } from "zod";
import { type Change, changeSteps } from "../domain/change.ts";
import { deploymentOf } from "../domain/objects.ts";
import { type Workload, workloadStates } from "../domain/workload.ts";
import { kysely } from "../view.ts";
import { parsed, wished } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { kept, there } from "./there.ts";

/** A workload as it is answered. */
export const WorkloadView = z.object({
  workload: z.string(),
  deployment: z.string(),
  pod: z.string(),
  app: z.string(),
  entrypoint: z.string(),
  release: z.string(),
  image: z.string().nullable(),
  node: z.string(),
  state: z.enum(workloadStates),
  observed: z.string().describe("What its agent last said, whatever was decided since"),
  generation: z.int(),
  attempt: z.int().describe("Starts so far"),
  resources: Resources,
  granted: Granted.nullable().describe("Which parts of its node it got; null: none in particular"),
  endpoints: z.array(z.object({ port: z.int(), ip: z.string(), hostPort: z.int() })),
  containerId: z.string().nullable(),
  lastError: z.string().nullable().describe("The engine's or the health check's own words"),
  lastErrorAt: z.string().nullable(),
  exitCode: z.int().nullable(),
  outOfMemory: z.boolean(),
  retryInMs: z.int().nullable().describe("When the agent said it would try again; null when it does not"),
  placedBecause: z.string().nullable(),
  leavingBecause: z.string().nullable(),
  change: z
    .object({
      change: z.enum([...WorkloadChange.options, "realloc", "dissociate", "adopt"]),
      step: z.enum(changeSteps).describe("asked: waits for its turn; ordered: sent to the node"),
      seq: z.int().describe("Where it was asked"),
      detail: z.string().nullable().describe("Why it costs requests, or why it was refused"),
      successor: z.string().optional().describe("Of a replacement: the workload that comes in its place"),
    })
    .nullable()
    .describe(
      "The last restart, stop, start, replacement, reallocation, dissociation or adoption that a user asked for",
    ),
  placedSeq: z.int(),
  placedAt: z.string(),
  startedAt: z.string().nullable(),
  healthySeq: z.int().nullable(),
  healthyAt: z.string().nullable(),
  removedAt: z.string().nullable(),
  dissociatedAt: z.string().nullable().describe("Since when Eru does not look after its container"),
  dissociatedBy: z.string().nullable().describe("Who asked for that"),
  changedSeq: z.int(),
  changedAt: z.string(),
});

/** A workload's row as it is answered. */
export function showWorkload(row: Workload): z.infer<typeof WorkloadView> {
  const {
    leaving: _leaving,
    lost: _lost,
    firstPort: _port,
    reallocTo: _reallocTo,
    cpuMilli,
    memoryMib,
    asked,
    granted,
    ...rest
  } = row;
  return {
    ...rest,
    resources: wished({ asked, cpuMilli, memoryMib }),
    granted: granted === null ? null : parsed<Granted>(granted),
    endpoints: parsed<Endpoint[]>(row.endpoints),
    change: row.change === null ? null : parsed<Change>(row.change),
    outOfMemory: row.outOfMemory === 1,
  };
}

/** The 404 of a workload: the others of its deployment, or when that has none, those of all that are there. */
export const noWorkload = (view: Parameters<typeof notFound>[0], workload: string) => {
  const deployment = deploymentOf(workload);
  const names = kysely.selectFrom("workloads").select("workload");
  const siblings = names.where("deployment", "=", deployment);
  const what = { kind: "workload", name: workload };
  return view.all(siblings.limit(1)).length > 0
    ? notFound(view, { ...what, list: `/v1/workloads?deployment=${deployment}` }, siblings)
    : notFound(view, { ...what, list: "/v1/workloads" }, names.where(there("workloads")));
};

/** GET /v1/workloads and /v1/workloads/:id. */
export function addWorkloads(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/workloads",
    summary: "Workloads",
    tag: "workloads",
    params: {},
    query: {
      ...pageQuery,
      deployment: DeploymentId.optional(),
      node: NodeName.optional(),
      app: AppName.optional(),
      state: z
        .enum([...workloadStates, "all"])
        .optional()
        .describe("Absent: all but the removed and the dissociated ones"),
    },
    answer: pageOf(WorkloadView),
    run: (view, { query }) => {
      let rows = kysely.selectFrom("workloads").selectAll();
      for (const column of ["deployment", "node", "app"] as const)
        if (query[column] !== undefined) rows = rows.where(column, "=", query[column]);
      if (query.state !== undefined && query.state !== "all") rows = rows.where("state", "=", query.state);
      // For every other state true anyhow; it is what the indexes are known by.
      if (query.state !== "all" && query.state !== "removed") rows = rows.where(there("workloads"));
      if (query.state === undefined) rows = rows.where(kept("workloads"));
      return pageBy(view, query, {
        list: "workloads",
        rows,
        column: "workload",
        key: (row) => row.workload,
        item: showWorkload,
      });
    },
  });
  addQuery(deps, {
    path: "/v1/workloads/:id",
    summary: "One workload",
    tag: "workloads",
    params: { id: WorkloadId },
    query: {},
    answer: WorkloadView,
    run: (view, { params: { id } }) => {
      const found = view.first(kysely.selectFrom("workloads").selectAll().where("workload", "=", id));
      if (found) return showWorkload(found);
      throw noWorkload(view, id);
    },
  });
}
