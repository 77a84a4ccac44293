import { type Explanation, HostName, RouteContent } from "@eru/events";
import {
  type CompiledHost,
  compileHost,
  coveringHosts,
  explain,
  type HttpRequest,
  hostLine,
  type TableHost,
  type TablePool,
} from "@eru/routing";
import type { Api } from "./api.ts";
import { CliError, exitCodes } from "./errors.ts";
import type { RouteInFile } from "./route-file.ts";
import { RouteTargets } from "./views.ts";

type Known = { compiled: CompiledHost | undefined; pools: ReadonlyMap<string, TablePool> };

/** Routes that requests are explained by without a load balancer. */
export type KnownRoutes = {
  /** Which routes, in a few words. */
  readonly from: string;
  find(host: string): Promise<Known | undefined>;
  /** A pool nothing is known of. */
  readonly otherPool: TablePool | undefined;
};

/** Where a request goes by routes that are known. */
export async function explainBy(routes: KnownRoutes, request: HttpRequest): Promise<Explanation> {
  for (const host of coveringHosts(request.host)) {
    const known = await routes.find(host);
    if (!known?.compiled) continue;
    const { compiled, pools } = known;
    return explain(request, {
      host: (name) => (name === host ? compiled : undefined),
      pool: (name) => pools.get(name) ?? routes.otherPool,
    });
  }
  return { outcomes: [], skipped: [], reason: "no_such_host" };
}

/** The routes that are declared, with the endpoints the view knows. */
export function declaredRoutes(api: Api): KnownRoutes {
  const found = new Map<string, Promise<Known | undefined>>();
  const ask = async (host: string): Promise<Known | undefined> => {
    if (!HostName.safeParse(host).success) return undefined;
    try {
      const { rules, pools } = await api.query(`/v1/routes/${encodeURIComponent(host)}`, RouteTargets);
      const endpoints = pools.map(({ pool, endpoints }) => [pool, poolOf(endpoints)] as const);
      return { compiled: compiledFrom({ rules }), pools: new Map(endpoints) };
    } catch (error) {
      if (error instanceof CliError && error.code === "route_unknown") return undefined;
      throw error;
    }
  };
  return {
    from: "the declared routes",
    otherPool: undefined,
    find: (host) => {
      const asked = found.get(host) ?? ask(host);
      found.set(host, asked);
      return asked;
    },
  };
}

/** The routes of a file. Every pool counts as serving: a file has no workloads. */
export function routesOfFile(path: string, routes: readonly RouteInFile[]): KnownRoutes {
  const known = new Map<string, Known>();
  for (const { host, body, locate } of routes) {
    const content = RouteContent.safeParse(body);
    if (!content.success) {
      const faults = content.error.issues.map((issue) => ({
        field: issue.path.join("."),
        message: issue.message,
      }));
      throw new CliError(exitCodes.usage, `${path}: the route for ${host} is not one`, {
        faults: locate(faults),
      });
    }
    known.set(host, { compiled: compiledFrom(content.data), pools: new Map() });
  }
  const otherPool: TablePool = { eps: [{ id: "any", ip: "0.0.0.0", port: 1, w: 1, s: "a" }] };
  return { from: path, otherPool, find: async (host) => known.get(host) };
}

const poolOf = (targets: RouteTargets["pools"][number]["endpoints"]): TablePool => ({
  eps: targets.map(({ workload, ip, port, release }) => ({ id: workload, ip, port, w: 1, s: "a", release })),
});

/** A host as load balancers get it; undefined when no rule of it is enabled. */
function compiledFrom(content: Pick<RouteContent, "rules">): CompiledHost | undefined {
  const line = hostLine(content);
  return line === undefined ? undefined : compileHost(JSON.parse(line) as TableHost);
}
