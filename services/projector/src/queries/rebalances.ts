import { PodName } from "@eru/events";
import { Problem } from "@eru/service";
import { sql } from "kysely";
import { z } from "zod";
import { kysely } from "../view.ts";
import { endPage, pageOf, pageQuery, startOf } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const states = ["waiting", "moving", "moved", "dropped", "gone"] as const;

const Rebalance = z.object({
  rebalance: z.int().describe("The sequence of its request"),
  pod: z.string(),
  goal: z.string(),
  requestedAt: z.string(),
  requestedBy: z.string(),
  moves: z.int(),
  waiting: z.int().describe("Not begun"),
  moving: z.int().describe("Another one was placed, and the old one serves until that one does"),
  moved: z.int(),
  dropped: z.int().describe("Could not be moved any more"),
  gone: z.int().describe("Went for another reason"),
});

const Move = z.object({
  workload: z.string(),
  deployment: z.string(),
  from: z.string(),
  to: z.string(),
  state: z.enum(states),
  replacement: z.string().nullable().describe("What was placed in its stead"),
  detail: z.string().nullable().describe("Why it was dropped or is gone"),
});

const rebalances = () =>
  kysely
    .selectFrom("rebalances as r")
    .innerJoin("moves as m", "m.rebalance", "r.rebalance")
    .selectAll("r")
    .select(({ fn }) => fn.countAll<number>().as("moves"))
    .select(states.map((state) => sql<number>`sum(m.state = ${sql.lit(state)})`.as(state)))
    .groupBy("r.rebalance");

/** GET /v1/rebalances and /v1/rebalances/:rebalance. */
export function addRebalances(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/rebalances",
    summary: "Rebalancings, the newest first",
    tag: "pods",
    params: {},
    query: { ...pageQuery, pod: PodName.optional() },
    answer: pageOf(Rebalance),
    run: (view, { query }) => {
      const list = `rebalances/${query.pod ?? ""}`;
      const start = startOf(list, [z.int().min(0)], query);
      let rows = rebalances();
      if (query.pod !== undefined) rows = rows.where("r.pod", "=", query.pod);
      if (start.after) rows = rows.where("r.rebalance", "<", start.after[0]);
      const found = view.all(rows.orderBy("r.rebalance", "desc").limit(start.limit + 1));
      return endPage(list, start, found, { key: (row) => [row.rebalance], item: (row) => row });
    },
  });
  addQuery(deps, {
    path: "/v1/rebalances/:rebalance",
    summary: "One rebalancing, move by move",
    tag: "pods",
    params: {
      rebalance: z
        .string()
        .regex(/^\d{1,16}$/, "a rebalancing is named by a sequence")
        .transform(Number),
    },
    query: {},
    answer: Rebalance.extend({ list: z.array(Move) }),
    run: (view, { params: { rebalance } }) => {
      const found = view.first(rebalances().where("r.rebalance", "=", rebalance));
      if (!found)
        throw new Problem(
          404,
          "rebalance_unknown",
          `no rebalancing was asked for at sequence ${rebalance}: GET /v1/rebalances lists them`,
        );
      const rows = kysely.selectFrom("moves").selectAll().where("rebalance", "=", rebalance).orderBy("at");
      const list = view.all(rows).map(({ fromNode: from, toNode: to, workload, deployment, ...row }) => ({
        ...{ workload, deployment, from, to },
        ...{ state: row.state, replacement: row.replacement, detail: row.detail },
      }));
      return { ...found, list };
    },
  });
}
