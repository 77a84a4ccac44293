import { AppName, DeploymentId, EntrypointName, PodName, Resources, type Template } from "@eru/events";
import { type InferResult, sql } from "kysely";
import { z } from "zod";
import { deploymentStates, totalsOf } from "../domain/deployment.ts";
import type { DeploymentSets } from "../domain/sets.ts";
import { type WorkloadState, workloadStates } from "../domain/workload.ts";
import { kysely, type View } from "../view.ts";
import { eventShower } from "./event-view.ts";
import { parsed, wished } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { kept, there } from "./there.ts";

const Rollout = z.object({
  release: z.string(),
  templateSeq: z.int(),
  step: z.string(),
  fresh: z.int(),
  stale: z.int(),
  detail: z.string(),
  seq: z.int(),
  time: z.string(),
});

/** A deployment as it is answered. */
export const DeploymentView = z.object({
  deployment: z.string(),
  pod: z.string(),
  app: z.string(),
  entrypoint: z.string(),
  release: z.string().describe("The release that is wished"),
  image: z.string(),
  state: z.enum(deploymentStates),
  reason: z.string().nullable().describe("The last reason why it is not as wished; null when it is"),
  reasonSeq: z.int().nullable(),
  counts: z.object({
    wanted: z.int(),
    placed: z.int().describe("Workloads with a node, those that leave or are lost not counted"),
    running: z.int(),
    healthy: z.int(),
    waiting: z.int().describe("Workloads that wait for room"),
    refused: z.int(),
    failed: z.int(),
    leaving: z.int(),
    lost: z.int(),
    removed: z.int(),
  }),
  resources: Resources.describe("Of one workload"),
  strategy: z.string(),
  nodesLimit: z.int(),
  sets: z
    .object({ perNode: z.int(), nodesChosen: z.int(), nodesLacking: z.int() })
    .nullable()
    .describe("With fill and each: on how many nodes there are so many; `counts.refused` is then per node"),
  filter: z.record(z.string(), z.unknown()),
  onShortage: z.string(),
  priority: z.int().describe("Of those that want the same room the higher gets it first"),
  waitDeadlineMs: z
    .int()
    .nullable()
    .describe("How long what is asked for may wait for room; null: without end"),
  preempt: z.boolean().describe("Whether it may displace workloads of a lower priority"),
  rollout: Rollout.nullable().describe("The last step of the last upgrade"),
  requestedSeq: z.int(),
  requestedAt: z.string(),
  requestedBy: z.string(),
  changedSeq: z.int(),
  changedAt: z.string(),
});

const DecisionLine = z.object({
  seq: z.int(),
  index: z.int(),
  type: z.string(),
  time: z.string(),
  summary: z.string(),
});

const deployments = () =>
  kysely
    .selectFrom("deployments as d")
    .leftJoin("workloadCounts as c", "c.deployment", "d.deployment")
    .selectAll("d")
    .select(workloadStates.map((state) => `c.${state}` as const));

/** A deployment with its counts, as it is answered. */
export function showDeployment(
  row: InferResult<ReturnType<typeof deployments>>[number],
): z.infer<typeof DeploymentView> {
  const counts = Object.fromEntries(workloadStates.map((state) => [state, row[state] ?? 0])) as Record<
    WorkloadState,
    number
  >;
  const { deployment, pod, app, entrypoint, release, image, state, reason, reasonSeq } = row;
  const {
    strategy,
    nodesLimit,
    onShortage,
    priority,
    waitDeadlineMs,
    preempt,
    requestedSeq,
    requestedAt,
    requestedBy,
  } = row;
  const { wanted, waiting, refused, changedSeq, changedAt } = row;
  return {
    ...{ deployment, pod, app, entrypoint, release, image, state, reason, reasonSeq },
    counts: { wanted, waiting, refused, ...totalsOf(counts) },
    resources: wished(row),
    ...{ strategy, nodesLimit, onShortage, priority, waitDeadlineMs, preempt: preempt === 1 },
    ...{ requestedSeq, requestedAt, requestedBy, changedSeq, changedAt },
    sets: row.sets === null ? null : parsed<DeploymentSets>(row.sets),
    filter: parsed(row.filter),
    rollout: row.rollout === null ? null : parsed<z.infer<typeof Rollout>>(row.rollout),
  };
}

/** The row of one deployment with its counts, or the 404. */
export function oneDeployment(view: View, id: string) {
  const found = view.first(deployments().where("d.deployment", "=", id));
  if (found) return found;
  throw notFound(
    view,
    { kind: "deployment", name: id, list: "/v1/deployments" },
    kysely.selectFrom("deployments").select("deployment").where(there("deployments")),
  );
}

/** Decisions shown with a deployment; all of them are in /v1/why. */
const decisionsShown = 5;
/** Nodes shown with a deployment. */
const nodesShown = 100;

function latestDecisions(view: View, deployment: string): z.infer<typeof DecisionLine>[] {
  const rows = kysely
    .selectFrom("decisions as d")
    .innerJoin("events as e", "e.position", "d.position")
    .selectAll("e")
    .where("d.deployment", "=", deployment)
    .orderBy("d.position", "desc")
    .limit(decisionsShown);
  return view.all(rows).map((row) => {
    const { seq, index, type, time, summary } = eventShower(view)(row);
    return { seq, index, type, time, summary };
  });
}

function placedOn(view: View, deployment: string) {
  const rows = kysely
    .selectFrom("workloads")
    .select(["node", sql<number>`count(*)`.as("workloads")])
    .where("deployment", "=", deployment)
    .where(kept("workloads"))
    .groupBy("node")
    .orderBy("node")
    .limit(nodesShown);
  return view.all(rows);
}

/** GET /v1/deployments and /v1/deployments/:id. */
export function addDeployments(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/deployments",
    summary: "Deployments",
    tag: "deployments",
    params: {},
    query: {
      ...pageQuery,
      pod: PodName.optional(),
      app: AppName.optional(),
      entrypoint: EntrypointName.optional(),
      state: z
        .enum([...deploymentStates, "all"])
        .optional()
        .describe("Absent: all but the removed ones"),
    },
    answer: pageOf(DeploymentView),
    run: (view, { query }) => {
      let rows = deployments();
      for (const column of ["pod", "app", "entrypoint"] as const)
        if (query[column] !== undefined) rows = rows.where(`d.${column}`, "=", query[column]);
      if (query.state !== undefined && query.state !== "all") rows = rows.where("d.state", "=", query.state);
      if (query.state !== "all" && query.state !== "removed") rows = rows.where(there("d"));
      return pageBy(view, query, {
        list: "deployments",
        rows,
        column: "d.deployment",
        key: (row) => row.deployment,
        item: showDeployment,
      });
    },
  });
  addQuery(deps, {
    path: "/v1/deployments/:id",
    summary: "One deployment: where its workloads are, and the latest decisions",
    tag: "deployments",
    params: { id: DeploymentId },
    query: {},
    answer: DeploymentView.extend({
      template: z.record(z.string(), z.unknown()).describe("What runs, as it is wished"),
      books: z.record(z.string(), z.unknown()).describe("What each workload books, in full"),
      workloads: z.object({
        byState: z.record(z.enum(workloadStates), z.int()),
        byNode: z.array(z.object({ node: z.string(), workloads: z.int() })),
      }),
      decisions: z.array(DecisionLine).describe("The newest first; all with reasons in /v1/why"),
    }),
    run: (view, { params: { id } }) => {
      const row = oneDeployment(view, id);
      const byState = Object.fromEntries(workloadStates.map((state) => [state, row[state] ?? 0]));
      return {
        ...showDeployment(row),
        template: parsed<Template>(row.template) as Record<string, unknown>,
        books: parsed<Record<string, unknown>>(row.resources),
        workloads: {
          byState: byState as Record<WorkloadState, number>,
          byNode: placedOn(view, id),
        },
        decisions: latestDecisions(view, id),
      };
    },
  });
}
