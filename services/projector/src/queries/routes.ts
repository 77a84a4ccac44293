import { type Endpoint, HostName, RouteContent, type Selector } from "@eru/events";
import { poolName, selectorsOf } from "@eru/routing";
import { z } from "zod";
import type { RouteRow } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { parsed } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { there } from "./there.ts";

const Route = z.object({
  host: z.string(),
  ...RouteContent.shape,
  section: z
    .string()
    .nullable()
    .describe("The release whose `elb` section it is: it follows the app's deployments"),
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

const Pool = z.object({
  pool: z.string().describe("Its name in the route table, which says what it selects"),
  endpoints: z.array(Target),
  endpointsTotal: z.int(),
});

/** Endpoints shown of one pool; the total says how many there are. */
const targetsMax = 200;

/** The steps after which nothing of a rollout is left to do. */
const over: readonly string[] = ["completed", "rolled_back"];

/** The healthy workloads a selector means, as the view knows them. */
function targetsOf(
  view: View,
  { app, entrypoint, pod, port, release, track }: Selector,
): Omit<z.infer<typeof Pool>, "pool"> {
  let rows = kysely
    .selectFrom("workloads")
    .innerJoin("deployments", "deployments.deployment", "workloads.deployment")
    .select(["workload", "node", "workloads.release as release", "endpoints", "firstPort"])
    .select(["rolloutStep", "deployments.release as wanted"])
    .where("workloads.app", "=", app)
    .where("workloads.entrypoint", "=", entrypoint)
    .where("workloads.state", "=", "healthy")
    .where(there("workloads"));
  if (pod !== undefined) rows = rows.where("workloads.pod", "=", pod);
  if (release !== undefined) rows = rows.where("workloads.release", "=", release);
  const targets = view.all(rows.orderBy("workload")).flatMap((row) => {
    const underWay = row.rolloutStep !== null && !over.includes(row.rolloutStep);
    const canary = underWay && row.release === row.wanted;
    if (track !== undefined && track !== (canary ? "canary" : "stable")) return [];
    const found = parsed<Endpoint[]>(row.endpoints).find((one) => one.port === (port ?? row.firstPort));
    const { workload, node } = row;
    return found ? [{ workload, node, release: row.release, ip: found.ip, port: found.hostPort }] : [];
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
        item: shown,
      }),
  });
  addQuery(deps, {
    path: "/v1/routes/:host",
    summary: "One route with the healthy endpoints of each pool its rules name",
    tag: "routes",
    params: { host: HostName },
    query: {},
    answer: Route.extend({ pools: z.array(Pool) }),
    run: (view, { params: { host } }) => {
      const found = view.first(routes().where("host", "=", host));
      if (!found)
        throw notFound(
          view,
          { kind: "route", name: `for host ${host}`, list: "/v1/routes" },
          kysely.selectFrom("routes").select("host"),
        );
      const route = shown(found);
      return { ...route, pools: poolsOf(view, route.rules) };
    },
  });
}

/** A row as it is answered. */
const shown = ({ app: _, content, ...row }: RouteRow): z.infer<typeof Route> => ({
  ...row,
  ...parsed<RouteContent>(content),
});

function poolsOf(view: View, rules: RouteContent["rules"]): z.infer<typeof Pool>[] {
  const selectors = new Map(
    rules.flatMap(selectorsOf).map(({ selector }) => [poolName(selector), selector] as const),
  );
  return [...selectors].map(([pool, selector]) => ({ pool, ...targetsOf(view, selector) }));
}
