import { type EruEvent, quotaName, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import { userActor, type World } from "./world.ts";

type Deployment = World["deployments"][number];

/** A user says whose turn a deployment is. */
export function turnStep(world: World, { id, pod }: Deployment, choose: Choose): void {
  world.append(subjects.deployment(pod, id), userActor, [
    {
      type: "TurnRequested",
      deployment: id,
      ...(choose(2) === 0 && { priority: choose(101) }),
      ...(choose(2) === 0 && { waitDeadlineMs: 1_000 * (1 + choose(60)) }),
      ...(choose(2) === 0 && { preempt: true }),
    },
  ]);
}

/** A quota that a deployment falls under is set or removed, or the deployment charged to it. */
export function quotaStep(world: World, { id, pod, template: { app } }: Deployment, choose: Choose): void {
  const scope = choose(2) === 0 ? { app } : { app, pod };
  const quota = quotaName(scope);
  const events: readonly EruEvent[] = [
    { type: "QuotaSet", quota, ...scope, limits: { cpu: choose(4), instances: choose(9) } },
    { type: "QuotaCharged", quota, deployment: id },
    { type: "QuotaRemoved", quota },
  ];
  world.append(subjects.quota(quota), userActor, events.slice(choose(3)).slice(0, 1));
}
