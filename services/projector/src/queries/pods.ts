import { PodName } from "@eru/events";
import { sql } from "kysely";
import { z } from "zod";
import { kysely } from "../view.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { countOf, there, thereIn } from "./there.ts";

const Pod = z.object({
  pod: z.string(),
  description: z.string(),
  nodes: z.int(),
  nodesAlive: z.int(),
  deployments: z.int().describe("Deployments that are not removed"),
  workloads: z.int().describe("Workloads that are not removed"),
  addedSeq: z.int(),
  addedAt: z.string(),
});

const pods = () =>
  kysely
    .selectFrom("pods as p")
    .select((row) => [
      "p.pod",
      "p.description",
      "p.addedSeq",
      "p.addedAt",
      countOf(row.selectFrom("nodes as n").whereRef("n.pod", "=", "p.pod")).as("nodes"),
      countOf(
        row
          .selectFrom("nodes as n")
          .innerJoin("nodeFacts as f", "f.node", "n.node")
          .whereRef("n.pod", "=", "p.pod")
          .where("f.liveness", "=", "alive"),
      ).as("nodesAlive"),
      countOf(row.selectFrom("deployments as d").whereRef("d.pod", "=", "p.pod").where(there("d"))).as(
        "deployments",
      ),
      thereIn(
        sql`c.deployment in (select deployment from deployments where pod = p.pod and state <> 'removed')`,
      ).as("workloads"),
    ]);

/** GET /v1/pods and /v1/pods/:pod. */
export function addPods(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/pods",
    summary: "Pods",
    tag: "pods",
    params: {},
    query: pageQuery,
    answer: pageOf(Pod),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "pods",
        rows: pods(),
        column: "p.pod",
        key: (row) => row.pod,
        item: (row) => row,
      }),
  });
  addQuery(deps, {
    path: "/v1/pods/:pod",
    summary: "One pod",
    tag: "pods",
    params: { pod: PodName },
    query: {},
    answer: Pod,
    run: (view, { params: { pod } }) => {
      const found = view.first(pods().where("p.pod", "=", pod));
      if (found) return found;
      throw notFound(
        view,
        { kind: "pod", name: pod, list: "/v1/pods" },
        kysely.selectFrom("pods").select("pod"),
      );
    },
  });
}
