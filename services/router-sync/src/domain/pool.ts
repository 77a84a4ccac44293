import type { RouteRule } from "@eru/events";
import type { Workload } from "./workload.ts";

/** Which workloads a rule sends to. */
export type Pool = {
  readonly name: string;
  /** `<app>/<entrypoint>` */
  readonly entrypoint: string;
  readonly pod: string | undefined;
  readonly port: number | undefined;
};

/** The pool of a rule: `<app>/<entrypoint>[@pod][:port]`. Rules that mean the same share it. */
export function poolOf({ app, entrypoint, pod, port }: RouteRule): Pool {
  const of = `${app}/${entrypoint}`;
  const name = `${of}${pod === undefined ? "" : `@${pod}`}${port === undefined ? "" : `:${port}`}`;
  return { name, entrypoint: of, pod, port };
}

/** An endpoint as the load balancer knows it: weight, and `a` for active or `d` for draining. */
export type PoolEndpoint = { id: string; ip: string; port: number; w: number; s: "a" | "d" };

/**
 * The endpoints of a pool. `held`: nothing else was left, so addresses on lost nodes stay in use. A node that cannot be
 * heard may still serve, and an empty pool certainly does not.
 */
export function members(
  pool: Pool,
  workloads: readonly Workload[],
  nodeLost: (node: string) => boolean,
): { endpoints: PoolEndpoint[]; held: boolean } {
  const sound: PoolEndpoint[] = [];
  const doubtful: PoolEndpoint[] = [];
  const draining: PoolEndpoint[] = [];
  for (const workload of workloads.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const endpoint = reach(pool, workload);
    if (!endpoint) continue;
    if (workload.draining) draining.push({ ...endpoint, s: "d" });
    else if (workload.abandoned || nodeLost(workload.node)) doubtful.push(endpoint);
    else sound.push(endpoint);
  }
  const held = sound.length === 0 && doubtful.length > 0;
  return { endpoints: [...(held ? doubtful : sound), ...draining], held };
}

function reach(pool: Pool, workload: Workload): PoolEndpoint | undefined {
  if (!workload.healthy || (pool.pod !== undefined && pool.pod !== workload.pod)) return undefined;
  const wanted = pool.port ?? workload.firstPort;
  const found = workload.endpoints.find(({ port }) => port === wanted);
  return found && { id: workload.id, ip: found.ip, port: found.hostPort, w: 1, s: "a" };
}
