import { type Endpoint, HostName, type RouteRule } from "@eru/events";
import { z } from "zod";
import { kysely, type View } from "../view.ts";
import { parsed } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { there } from "./there.ts";

const Rule = z.object({
  pathPrefix: z.string(),
  app: z.string(),
  entrypoint: z.string(),
  pod: z.string().optional(),
  port: z.int().optional(),
});

const Route = z.object({
  host: z.string(),
  rules: z.array(Rule),
  declaredSeq: z.int(),
  declaredAt: z.string(),
  declaredBy: z.string(),
});

const Target = z.object({
  workload: z.string(),
  node: z.string(),
  release: z.string(),
  ip: z.string(),
  port: z.int().describe("The port to dial"),
});

/** Endpoints shown of one rule; the total says how many there are. */
const targetsMax = 200;

/** The healthy workloads a rule sends to, as the view knows them. */
function targetsOf(
  view: View,
  rule: RouteRule,
): { endpoints: z.infer<typeof Target>[]; endpointsTotal: number } {
  let rows = kysely
    .selectFrom("workloads")
    .select(["workload", "node", "release", "endpoints", "firstPort"])
    .where("app", "=", rule.app)
    .where("entrypoint", "=", rule.entrypoint)
    .where("state", "=", "healthy")
    .where(there("workloads"));
  if (rule.pod !== undefined) rows = rows.where("pod", "=", rule.pod);
  const targets = view.all(rows.orderBy("workload")).flatMap((row) => {
    const endpoints = parsed<Endpoint[]>(row.endpoints);
    const endpoint = endpoints.find(({ port }) => port === (rule.port ?? row.firstPort));
    const { workload, node, release } = row;
    return endpoint ? [{ workload, node, release, ip: endpoint.ip, port: endpoint.hostPort }] : [];
  });
  return { endpoints: targets.slice(0, targetsMax), endpointsTotal: targets.length };
}

/** GET /v1/routes and /v1/routes/:host. */
export function addRoutes(deps: QueryDeps): void {
  const routes = () => kysely.selectFrom("routes").selectAll();
  addQuery(deps, {
    path: "/v1/routes",
    summary: "Routes",
    tag: "routes",
    params: {},
    query: pageQuery,
    answer: pageOf(Route),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "routes",
        rows: routes(),
        column: "host",
        key: (row) => row.host,
        item: (row) => ({ ...row, rules: parsed<RouteRule[]>(row.rules) }),
      }),
  });
  addQuery(deps, {
    path: "/v1/routes/:host",
    summary: "One route with the healthy endpoints of each rule",
    tag: "routes",
    params: { host: HostName },
    query: {},
    answer: Route.extend({
      rules: z.array(Rule.extend({ endpoints: z.array(Target), endpointsTotal: z.int() })),
    }),
    run: (view, { params: { host } }) => {
      const found = view.first(routes().where("host", "=", host));
      if (!found)
        throw notFound(
          view,
          { kind: "route", name: `for host ${host}`, list: "/v1/routes" },
          kysely.selectFrom("routes").select("host"),
        );
      const rules = parsed<RouteRule[]>(found.rules).map((rule) => ({ ...rule, ...targetsOf(view, rule) }));
      return { ...found, rules };
    },
  });
}
