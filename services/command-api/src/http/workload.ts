import { Inherit, ReplacePlanReply, subjects, type WorkloadChange, WorkloadId } from "@eru/events";
import type { Live } from "@eru/log";
import { z } from "zod";
import { decideChange, deploymentOf } from "../domain/workload.ts";
import { about, type Command, NotCaughtUpError } from "../handle.ts";
import { problemOf } from "../problems.ts";
import { askScheduler } from "./ask-scheduler.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { turnOf } from "./deployment.ts";
import { flag } from "./flag.ts";

const params = z.strictObject({ workload: WorkloadId });
const ids = { deployment: z.string(), workload: WorkloadId };
const Body = z
  .strictObject({
    ignoreHooks: z
      .boolean()
      .default(false)
      .describe("Hooks run, but a hook that must succeed and does not counts as if it need not."),
  })
  .prefault({});

const texts: Readonly<Record<WorkloadChange, { name: string; summary: string; description: string }>> = {
  restart: {
    name: "RestartWorkload",
    summary: "Restart a workload in place",
    description:
      "Its endpoint drains at every load balancer, the same container is stopped with its grace and started again. Several of one deployment restart one after another, each when the one before serves again. A stopped one starts.",
  },
  stop: {
    name: "StopWorkload",
    summary: "Stop a workload and keep it",
    description:
      "Its endpoint drains, the container is stopped and kept with its booking on the node. It is not replaced; its deployment is degraded until it is started again.",
  },
  start: {
    name: "StartWorkload",
    summary: "Start a workload that was stopped",
    description: "The container that was kept runs again and is routed when it is healthy.",
  },
  replace: {
    name: "ReplaceWorkload",
    summary: "Put a new container in a workload's place",
    description:
      "Of the same template, on the same node. Where both fit beside each other the new one is a workload of its own, and the old one goes when that serves. With a volume, a port of the machine or an inherited network the old container is drained and stopped first, and its id, its booking and its volumes stay; it runs again when the new one does not get healthy. Several of one deployment go one after another. With `dryRun` nothing is recorded: the scheduler answers how it would go, and why.",
  },
};

const ReplaceBody = Body.unwrap().extend(Inherit.shape).prefault({});

/** Commands about a single workload. */
export function workloadRoutes(deps: RouteDeps, live: Live): void {
  const about = { method: "POST", tag: "workloads", params, ids } as const;
  for (const change of ["restart", "stop", "start"] as const)
    commandRoute(deps, {
      ...texts[change],
      ...about,
      url: `/v1/workloads/:workload/${change}`,
      body: Body,
      command: ({ params: { workload }, body: { ignoreHooks } }) =>
        changeWorkload({ workload, change, ignoreHooks }),
    });
  commandRoute(deps, {
    ...texts.replace,
    ...about,
    url: "/v1/workloads/:workload/replace",
    query: z.strictObject({ dryRun: flag }),
    body: ReplaceBody,
    command: ({ params: { workload }, body: { ignoreHooks, ...inherit } }) =>
      changeWorkload({ workload, change: "replace", ignoreHooks, inherit }),
    instead: {
      answer: ReplacePlanReply,
      when: ({ params: { workload }, query, body: { ignoreHooks, ...inherit } }) =>
        query.dryRun
          ? planReplacement(deps, live, { workload, change: "replace", ignoreHooks, inherit })
          : undefined,
    },
  });
}

/** Asks the scheduler how a workload would be replaced; refused like the command when it could not be recorded. */
async function planReplacement(
  deps: RouteDeps,
  live: Live,
  wish: Parameters<typeof decideChange>[2],
): Promise<ReplacePlanReply> {
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  const { decide } = changeWorkload(wish);
  if (!decide(follower.intent).ok) await follower.catchUp();
  const decided = decide(follower.intent);
  if (!decided.ok) throw problemOf(decided.refusal, follower.intent);
  return await askScheduler(live, {
    asked: { replace: wish.workload, inherit: wish.inherit },
    answer: ReplacePlanReply,
    timeoutMs: deps.limits.planTimeoutMs,
  });
}

function changeWorkload(wish: Parameters<typeof decideChange>[2]): Command {
  const { workload } = wish;
  const deployment = deploymentOf(workload);
  return {
    reads: [],
    writes: [turnOf(deployment)],
    decide: (intent) => {
      const state = intent.deployments.get(deployment);
      const decision = decideChange(intent.workloads, state, wish);
      if (state.phase === "absent")
        return {
          ok: false,
          refusal: { code: "deployment_unknown", deployment, removed: false, at: "workload" },
        };
      return about(subjects.deployment(state.pod, deployment), { deployment, workload }, decision);
    },
  };
}
