import type { EndpointCheck, Selector } from "@eru/events";
import type { Track, Workload } from "./workload.ts";

/** What load balancers do with the endpoints of a pool besides choosing among them. */
export type PoolCare = { readonly slowStartMs?: number; readonly check?: EndpointCheck };

/** An endpoint as the load balancer knows it: weight, and `a` for active or `d` for draining. */
export type PoolEndpoint = {
  id: string;
  ip: string;
  port: number;
  w: number;
  s: "a" | "d";
  /** For logs. */
  release?: string;
  /** Seconds since the epoch at which it became healthy: only where it makes a difference. */
  since?: number;
};

/** What membership hangs on besides the workloads themselves. */
export type Judgement = {
  /** Whether nobody knows if it serves. */
  readonly isDoubtful: (workload: Workload) => boolean;
  readonly trackOf: (workload: Workload) => Track;
  /** Whether endpoints come with the time of their health. */
  readonly since: boolean;
};

/**
 * The endpoints of a pool. `held`: nothing else was left, so addresses on lost nodes stay in use. A node that cannot be
 * heard may still serve, and an empty pool certainly does not.
 */
export function members(
  selector: Selector,
  workloads: readonly Workload[],
  judgement: Judgement,
): { endpoints: PoolEndpoint[]; held: boolean } {
  const sound: PoolEndpoint[] = [];
  const doubtful: PoolEndpoint[] = [];
  const draining: PoolEndpoint[] = [];
  for (const workload of workloads.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const endpoint = reach(selector, workload, judgement);
    if (!endpoint) continue;
    if (workload.draining) draining.push({ ...endpoint, s: "d" });
    else if (judgement.isDoubtful(workload)) doubtful.push(endpoint);
    else sound.push(endpoint);
  }
  const held = sound.length === 0 && doubtful.length > 0;
  return { endpoints: [...(held ? doubtful : sound), ...draining], held };
}

function reach(
  { pod, port, release, track }: Selector,
  workload: Workload,
  { trackOf, since }: Judgement,
): PoolEndpoint | undefined {
  if (!workload.healthy || (pod !== undefined && pod !== workload.pod)) return undefined;
  if (release !== undefined && release !== workload.release) return undefined;
  if (track !== undefined && track !== trackOf(workload)) return undefined;
  const wanted = port ?? workload.firstPort;
  const found = workload.endpoints.find((one) => one.port === wanted);
  if (!found) return undefined;
  return {
    id: workload.id,
    ip: found.ip,
    port: found.hostPort,
    w: 1,
    s: "a",
    release: workload.release,
    ...(since && workload.healthySince !== undefined && { since: workload.healthySince }),
  };
}
