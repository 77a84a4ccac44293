import {
  AppName,
  type Charge,
  chargeOf,
  limitsIn,
  noCharge,
  PodName,
  plusCharge,
  type QuotaLimits,
  QuotaName,
  type Strategy,
} from "@eru/events";
import { sql } from "kysely";
import { z } from "zod";
import { type Deployment, isUpgraded } from "../domain/deployment.ts";
import type { QuotaRow } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { parsed, wished } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { kept, there } from "./there.ts";

const Amounts = z.object({
  instances: z.int(),
  cpu: z.number(),
  memoryMib: z.int(),
  storageMib: z.int().describe("Storage and the sizes of volumes"),
  gpus: z.int(),
});

const Quota = z.object({
  quota: z.string(),
  app: z.string().nullable().describe("Null: of any app"),
  pod: z.string().nullable().describe("Null: in any pod"),
  limits: Amounts.partial(),
  used: Amounts.describe("What the deployments in its scope wish"),
  over: z
    .array(z.string())
    .describe("What is used above its limit; nothing is taken away, only growth is refused"),
  deployments: z.int().describe("How many deployments are in its scope"),
  setSeq: z.int(),
  setAt: z.string(),
  setBy: z.string(),
});

/** Deployments as far as quotas look at them. A removed one wishes nothing from the moment that was asked for. */
const wishes = () =>
  kysely
    .selectFrom("deployments as d")
    .select(["d.deployment", "d.wanted", "d.sets", "d.asked", "d.cpuMilli", "d.memoryMib"])
    .select(["d.strategy", "d.nodesLimit", "d.pod", "d.rolloutStep"])
    .where(there("d"))
    .where("d.removal", "=", 0);

/**
 * What workloads that were reallocated by themselves have above their deployment's wish. While a deployment is upgraded,
 * what is old is not told from what is its own, and nothing is counted.
 */
function aboveWish(view: View, wishing: readonly Wishing[]): Charge {
  const steady = JSON.stringify(
    wishing.filter((one) => !isUpgraded(one)).map(({ deployment }) => deployment),
  );
  const above = (column: "cpuMilli" | "memoryMib") =>
    sql<number>`coalesce(sum(max(0, ${sql.ref(`w.${column}`)} - ${sql.ref(`d.${column}`)})), 0)`.as(column);
  const rows = kysely
    .selectFrom("workloads as w")
    .innerJoin("deployments as d", "d.deployment", "w.deployment")
    .select([above("cpuMilli"), above("memoryMib")])
    .where(sql<boolean>`w.deployment in (select value from json_each(${steady}))`)
    .where("w.change", "is not", null)
    .where("w.leaving", "is", null)
    .where(kept("w"));
  return { ...noCharge, ...view.first(rows) };
}

type Wishing = Pick<Deployment, "deployment" | "rolloutStep">;

function nodesIn(view: View): ReadonlyMap<string, number> {
  const rows = kysely
    .selectFrom("nodes")
    .select(["pod", sql<number>`count(*)`.as("nodes")])
    .groupBy("pod");
  return new Map(view.all(rows).map(({ pod, nodes }) => [pod, nodes]));
}

/** A quota with what is used of it. */
function showQuota(view: View, { limits: json, app, pod, ...row }: QuotaRow): z.infer<typeof Quota> {
  let rows = wishes();
  if (app !== null) rows = rows.where("d.app", "=", app);
  if (pod !== null) rows = rows.where("d.pod", "=", pod);
  const nodes = nodesIn(view);
  const found = view.all(rows);
  const used = found.reduce(
    (sum, one) => {
      const count = one.sets === null ? one.wanted : parsed<{ perNode: number }>(one.sets).perNode;
      const wish = {
        count,
        resources: wished(one),
        strategy: one.strategy as Strategy,
        nodesLimit: one.nodesLimit,
      };
      return plusCharge(sum, chargeOf(wish, nodes.get(one.pod) ?? 0));
    },
    aboveWish(view, found),
  );
  const limits = parsed<QuotaLimits>(json);
  const { cpuMilli, ...others } = used;
  return {
    ...row,
    ...{ app, pod, limits, deployments: found.length },
    used: { ...others, cpu: cpuMilli / 1_000 },
    over: overOf(used, limits),
  };
}

const overOf = (used: Charge, limits: QuotaLimits): string[] =>
  Object.entries(limitsIn(limits))
    .filter(([kind, limit]) => used[kind as keyof Charge] > limit)
    .map(([kind]) => (kind === "cpuMilli" ? "cpu" : kind));

const quotas = () => kysely.selectFrom("quotas as q").selectAll();

/** GET /v1/quotas and /v1/quotas/:quota. */
export function addQuotas(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/quotas",
    summary: "Quotas, with what is used of them",
    tag: "quotas",
    params: {},
    query: { ...pageQuery, app: AppName.optional(), pod: PodName.optional() },
    answer: pageOf(Quota),
    run: (view, { query }) => {
      let rows = quotas();
      for (const column of ["app", "pod"] as const)
        if (query[column] !== undefined) rows = rows.where(`q.${column}`, "=", query[column]);
      return pageBy(view, query, {
        list: "quotas",
        rows,
        column: "q.quota",
        key: (row) => row.quota,
        item: (row) => showQuota(view, row),
      });
    },
  });
  addQuery(deps, {
    path: "/v1/quotas/:quota",
    summary: "One quota, with what is used of it",
    tag: "quotas",
    params: { quota: QuotaName },
    query: {},
    answer: Quota,
    run: (view, { params: { quota } }) => {
      const found = view.first(quotas().where("q.quota", "=", quota));
      if (found) return showQuota(view, found);
      const names = kysely.selectFrom("quotas").select("quota");
      throw notFound(view, { kind: "quota", name: quota, list: "/v1/quotas" }, names);
    },
  });
}
