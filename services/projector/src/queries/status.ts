import { sql } from "kysely";
import { z } from "zod";
import { workloadStates } from "../domain/workload.ts";
import { kysely, type View } from "../view.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const counted = ["pods", "nodes", "apps", "releases", "routes", "elbs", "users"] as const;

const Status = z.object({
  head: z.int().describe("The newest sequence of the log that is known of"),
  lag: z.int().describe("Messages queries do not see yet"),
  ready: z.boolean(),
  notReadyBecause: z.string().nullable(),
  rebuilding: z.boolean().describe("A view is being built that does not answer yet"),
  counts: z.object({
    pods: z.int(),
    nodes: z.int(),
    apps: z.int(),
    releases: z.int(),
    routes: z.int(),
    elbs: z.int(),
    users: z.int(),
    events: z.int(),
    deployments: z.int().describe("Deployments that are not removed"),
    workloads: z.record(z.enum(workloadStates), z.int()),
  }),
});

const count = (view: View, table: (typeof counted)[number]): number =>
  view.first(kysely.selectFrom(table).select(sql<number>`count(*)`.as("n")))?.n ?? 0;

function workloadsByState(view: View) {
  const sums = kysely
    .selectFrom("workloadCounts")
    .select(workloadStates.map((state) => sql<number>`coalesce(sum(${sql.ref(state)}), 0)`.as(state)));
  return view.first(sums) as Record<(typeof workloadStates)[number], number>;
}

/** GET /v1/status: how far the view is behind the log, and how much there is. */
export function addStatus(deps: QueryDeps): void {
  const { progress, views } = deps;
  addQuery(deps, {
    path: "/v1/status",
    summary: "How far the view is, and how much there is",
    tag: "status",
    params: {},
    query: {},
    answer: Status,
    run: (view) => {
      const notReady = progress.notReady();
      const there = kysely
        .selectFrom("deployments")
        .select(sql<number>`count(*)`.as("n"))
        .where(sql<boolean>`state <> 'removed'`);
      const counts = Object.fromEntries(counted.map((table) => [table, count(view, table)])) as Record<
        (typeof counted)[number],
        number
      >;
      return {
        head: progress.headSeq,
        lag: progress.lag,
        ready: notReady === undefined,
        notReadyBecause: notReady ?? null,
        rebuilding: views.rebuilding,
        counts: {
          ...counts,
          events: view.position.events,
          deployments: view.first(there)?.n ?? 0,
          workloads: workloadsByState(view),
        },
      };
    },
  });
}
