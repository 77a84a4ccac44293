import { countsPerNode, type DeploymentEvent, type Strategy, type Turn } from "@eru/events";
import type { Pass } from "../../services/scheduler/src/domain/plan.ts";
import { inTurn, rankOf } from "../../services/scheduler/src/domain/turn.ts";
import type { Deployment, Zone } from "../../services/scheduler/src/domain/zone.ts";
import type { Chance } from "./chance.ts";

/** Mostly nothing; else a priority, where nodes get no sets a deadline for waiting, or that it may displace others. */
export const turnOf = (chance: Chance, strategy: Strategy): Turn => ({
  ...(chance.may(0.4) && { priority: chance.pick([10, 40, 60, 90]) ?? 50 }),
  ...(chance.may(0.2) && !countsPerNode(strategy) && { waitDeadlineMs: chance.between(2, 20) * 1_000 }),
  ...(chance.may(0.4) &&
    !countsPerNode(strategy) && { preempt: true, priority: chance.pick([60, 80, 100]) ?? 80 }),
});

/** Another place among those that want the same room. */
export const turnWish = (chance: Chance, { id: deployment, strategy }: Deployment): DeploymentEvent => ({
  type: "TurnRequested",
  deployment,
  ...turnOf(chance, strategy),
});

/** Nothing is placed for one deployment before another one that comes first, in what one pass decides. */
export function outOfTurn(zone: Zone, { decisions }: Pass): string | undefined {
  const served = decisions.flatMap(({ event }) => {
    const deployment = event.type === "PlacementDecided" && zone.deployments.get(event.deployment);
    return deployment ? [deployment] : [];
  });
  const at = served.findIndex((one, n) => {
    const before = served[n - 1];
    return before && before !== one && inTurn(rankOf(one), rankOf(before)) < 0;
  });
  return at < 0 ? undefined : `${served[at - 1]?.id} is placed before ${served[at]?.id}, which comes first`;
}
