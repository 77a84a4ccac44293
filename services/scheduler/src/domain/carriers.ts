import type { ElbEvent, RouteContent, RouteEvent } from "@eru/events";
import { selectorsOf } from "@eru/routing";
import type { Deployment, Workload, Zone } from "./zone.ts";

/** A rule's target, and the group of load balancers that sends requests there. */
export type Claim = { readonly target: string; readonly group: string };

/** How many routes name a target for a group now; when none does, the sequence at which the last one ended. */
export type Carrier = { readonly routes: number; readonly untilSeq: number };

/** The groups that a load balancer serves or served since its engine started; requests by an older table may be under way. */
export type Carries = { readonly bootId: string; readonly groups: ReadonlySet<string> };

/** Whose requests: a workload's deployment. */
type Target = Pick<Deployment, "key" | "pod">;

const everyGroup = "*";

/** The key under which a rule of a route counts: rules may name a pod. */
const targetKey = (key: string, pod: string | undefined): string => `${key}@${pod ?? "*"}`;

/** What the routes of a host say: the targets of its rules for each of its groups. */
const claimsOf = ({ rules, groups = [everyGroup] }: RouteContent): Claim[] => {
  const targets = rules
    .filter(({ enabled }) => enabled)
    .flatMap(selectorsOf)
    .map(({ selector: { app, entrypoint, pod } }) => targetKey(`${app}/${entrypoint}`, pod));
  return groups.flatMap((group) => targets.map((target) => ({ target, group })));
};

/** Takes in what happens to a route. While a change of it is staged, what is declared counts and what is staged too. */
export function applyRoute(zone: Zone, event: RouteEvent, seq: number): void {
  const { host } = event;
  if (event.type === "RouteStaged") claim(zone, zone.staged, { host, claims: claimsOf(event.content), seq });
  else if (event.type === "RouteStageEnded") claim(zone, zone.staged, { host, claims: [], seq });
  else {
    const claims = event.type === "RouteDeclared" ? claimsOf(event) : [];
    claim(zone, zone.routes, { host, claims, seq });
    claim(zone, zone.staged, { host, claims: [], seq });
  }
}

function claim(
  zone: Zone,
  routes: Zone["routes"],
  { host, claims, seq }: { host: string; claims: readonly Claim[]; seq: number },
): void {
  // The new ones first, so that what stays is never counted as ended.
  for (const one of claims) count(zone, one, 1, seq);
  for (const one of routes.get(host) ?? []) count(zone, one, -1, seq);
  if (claims.length > 0) routes.set(host, claims);
  else routes.delete(host);
}

function count(zone: Zone, { target, group }: Claim, amount: number, untilSeq: number): void {
  const byGroup = zone.carriers.get(target) ?? new Map<string, Carrier>();
  zone.carriers.set(target, byGroup);
  byGroup.set(group, { routes: (byGroup.get(group)?.routes ?? 0) + amount, untilSeq });
}

/** Notes which group's routes a load balancer has in its table. One of before does not say: it may have any. */
export function noteGroup(zone: Zone, event: Extract<ElbEvent, { type: "RouteTableApplied" }>): void {
  const { elb, bootId, group } = event;
  if (group === undefined) zone.elbGroups.delete(elb);
  else {
    const before = zone.elbGroups.get(elb);
    if (before?.bootId === bootId && before.groups.has(group)) return;
    const groups = new Set(before?.bootId === bootId ? before.groups : []);
    zone.elbGroups.set(elb, { bootId, groups: groups.add(group) });
  }
}

/** Whether a rule names it now, whoever carries it out. */
export const hasRoute = (zone: Zone, of: Target): boolean =>
  carriersOf(zone, of).some((byGroup) => byGroup.values().some(({ routes }) => routes > 0));

/** Whether a load balancer sends requests to it now. */
export const isRoutedNow = (zone: Zone, of: Target): boolean =>
  zone.elbs.keys().some((elb) => carries(zone, elb, of, Number.POSITIVE_INFINITY));

/**
 * Whether a load balancer sends it requests, or did since a sequence: a route that was removed a moment ago may still be in
 * a table, and requests that came by it may be under way.
 */
export const isRouted = (zone: Zone, of: Target, sinceSeq = 0): boolean =>
  zone.elbs.keys().some((elb) => carries(zone, elb, of, sinceSeq));

/**
 * Whether requests may reach the workload, now or by the time a decision about it is recorded: one that is only starting
 * may be healthy and routed before that. Only one that was given up or stopped never serves again.
 */
export const mayServe = (zone: Zone, { deployment, phase, placedSeq }: Workload): boolean =>
  phase !== "failed" && phase !== "stopped" && isRouted(zone, deployment, placedSeq);

/**
 * Whether the target was in a load balancer's table at some time after `sinceSeq`, by what the log says of its group and of
 * the routes: nobody waits for one that it never was with.
 */
export function carries(zone: Zone, elb: string, of: Target, sinceSeq: number): boolean {
  const groups = zone.elbGroups.get(elb)?.groups;
  const is = ({ routes, untilSeq }: Carrier): boolean => routes > 0 || untilSeq > sinceSeq;
  return carriersOf(zone, of).some((byGroup) =>
    byGroup
      .entries()
      .some(
        ([group, carrier]) =>
          is(carrier) && (groups === undefined || group === everyGroup || groups.has(group)),
      ),
  );
}

const carriersOf = (zone: Zone, { key, pod }: Target): ReadonlyMap<string, Carrier>[] =>
  [targetKey(key, undefined), targetKey(key, pod)].flatMap((target) => zone.carriers.get(target) ?? []);
