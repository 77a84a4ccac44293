import {
  type Charge,
  chargeAbove,
  chargeKinds,
  chargeOf,
  isInScope,
  limitsIn,
  noCharge,
  plusCharge,
  type Resources,
} from "@eru/events";
import type { Deployment } from "./deployment.ts";
import type { Quota } from "./quota.ts";
import type { Refusal } from "./refusal.ts";

/** What admission looks at: everything that is wished and limited, and how many nodes each pod has. */
export type Ground = {
  quotas: Iterable<[string, Quota]>;
  deployments: Iterable<[string, Deployment]>;
  nodesIn: (pod: string) => number;
  /** What workloads of a deployment were given by themselves. */
  ownOf: (deployment: string) => Iterable<Resources>;
};

/** A deployment before and after what is asked. */
export type Asked = {
  deployment: string;
  before: Deployment;
  after: Deployment;
  /** What its workloads will have been given by themselves. */
  ownAfter: Iterable<Resources>;
};

/** The quotas that a wish is charged to; or the first that it would exceed. */
export type Admission = { ok: true; quotas: readonly string[] } | { ok: false; refusal: Refusal };

/**
 * Whether deployments may wish more. The sum of what all live deployments in a quota's scope wish may not exceed it, where
 * this one wishes more than before; what an upgrade has in addition while it goes on is not counted. What wishes less is
 * admitted always.
 */
export function admit(ground: Ground, { deployment, before, after, ownAfter }: Asked): Admission {
  if (after.phase !== "live") return { ok: true, quotas: [] };
  const charge = (one: Deployment, own: Iterable<Resources>): Charge =>
    one.phase === "live"
      ? plusCharge(chargeOf(one, ground.nodesIn(one.pod)), chargeAbove(one.resources, own))
      : noCharge;
  const [had, wants] = [charge(before, ground.ownOf(deployment)), charge(after, ownAfter)];
  const more = chargeKinds.filter((kind) => wants[kind] > had[kind]);
  if (more.length === 0) return { ok: true, quotas: [] };
  const of = { app: after.template.app, pod: after.pod };
  const quotas: string[] = [];
  for (const [name, quota] of ground.quotas) {
    if (quota.phase !== "present" || !isInScope(quota, of)) continue;
    quotas.push(name);
    const others = usedBesides(ground, quota, deployment, charge);
    const limits = limitsIn(quota.limits);
    const kind = more.find((one) => others[one] + wants[one] > (limits[one] ?? Number.POSITIVE_INFINITY));
    if (kind === undefined) continue;
    const amounts = { limit: limits[kind] ?? 0, others: others[kind], had: had[kind], wants: wants[kind] };
    return { ok: false, refusal: { code: "quota_exceeded", quota: name, kind, ...amounts } };
  }
  return { ok: true, quotas };
}

function usedBesides(
  { deployments, ownOf }: Ground,
  quota: Extract<Quota, { phase: "present" }>,
  besides: string,
  charge: (one: Deployment, own: Iterable<Resources>) => Charge,
): Charge {
  let sum = noCharge;
  for (const [id, one] of deployments) {
    if (id === besides || one.phase !== "live") continue;
    if (isInScope(quota, { app: one.template.app, pod: one.pod }))
      sum = plusCharge(sum, charge(one, ownOf(id)));
  }
  return sum;
}
