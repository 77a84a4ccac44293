import {
  type Affinity,
  AppName,
  contradiction,
  countsPerNode,
  DeploymentEvent,
  DeploymentId,
  EntrypointName,
  Env,
  NodeFilter,
  PlanExpectation,
  PlanReply,
  PodName,
  Priority,
  perNodeMax,
  ReleaseName,
  Strategy,
  subjects,
  WaitDeadlineMs,
} from "@eru/events";
import type { Live } from "@eru/log";
import { z } from "zod";
import {
  type DeploymentCommand,
  type DeploymentWish,
  deployment as decider,
  requestOf,
} from "../domain/deployment.ts";
import { planDifference } from "../domain/plan-difference.ts";
import { cannotPreempt, perNodeWaits, turnGiven } from "../domain/turn.ts";
import { about, type Command, type Decided, NotCaughtUpError } from "../handle.ts";
import { deploymentIdOf } from "../idempotency.ts";
import type { Intent } from "../intent.ts";
import { problemOf } from "../problems.ts";
import { asExpected } from "./as-expected.ts";
import { askScheduler } from "./ask-scheduler.ts";
import { commandRoute, type Input, type RouteDeps } from "./command-route.ts";
import { flag } from "./flag.ts";
import { withQuotas } from "./follow-quotas.ts";
import { withRoutes } from "./follow-routes.ts";
import { WishedResources } from "./resources.ts";

const requested = DeploymentEvent.options[0].shape;
const NewDeployment = z
  .strictObject({
    app: AppName,
    release: ReleaseName.optional().describe("Absent: the newest one registered."),
    entrypoint: EntrypointName,
    pod: PodName,
    count: requested.count.describe(
      "How many workloads there shall be, with fill and each on every chosen node; 0 is a deployment that waits to be scaled.",
    ),
    resources: WishedResources.prefault({}).describe(
      "What each workload books, and its bounds. What is not named is as the entrypoint's `resources` in the app.yaml say; cpu and memoryMib must be named in one of the two.",
    ),
    strategy: Strategy.default("auto").describe(
      "auto: even out the workloads of the entrypoint; global: even out how full the nodes are; drained: use up the fullest node first; pack: need the fewest nodes, also for unlike requests; fill: bring every chosen node up to `count` workloads of the entrypoint; each: `count` of this deployment on every chosen node.",
    ),
    nodesLimit: requested.nodesLimit
      .default(0)
      .describe(
        "Most workloads of the entrypoint on one node, 0 is no limit. With fill and each: how many nodes are chosen, 0 is every node that fits.",
      ),
    filter: NodeFilter.superRefine((filter, { addIssue }) => {
      const found = contradiction(filter);
      if (found)
        addIssue({ code: "custom", path: ["constraints", found.at], message: found.message, input: filter });
    }).prefault({}),
    env: Env.default({}),
    onShortage: requested.onShortage.default("wait"),
    priority: Priority.optional().describe(
      "From 0 to 100, 50 when absent: of those that want the same room the higher gets it first.",
    ),
    waitDeadlineMs: WaitDeadlineMs.optional().describe(
      "How long what is asked for may wait for room; what still waits then is refused. Absent: without end.",
    ),
    preempt: z
      .boolean()
      .optional()
      .describe(
        "When nothing fits and nothing is about to become free, workloads of deployments with a lower priority go for it: the fewest, of the lowest priority, the youngest. Absent: nobody does.",
      ),
    expect: PlanExpectation.optional().describe(
      "Of a dry run's answer: refused with the difference when the placement would be another one now.",
    ),
  })
  .superRefine(({ app, entrypoint, filter, strategy, count, ...wait }, { addIssue }) => {
    const perNode = countsPerNode(strategy);
    if (perNode && count > perNodeMax)
      addIssue({
        ...{ code: "custom", path: ["count"], input: count },
        message: `with strategy ${strategy} it is the number on each node: at most ${perNodeMax}`,
      });
    if (perNode && filter.spread)
      addIssue({
        ...{ code: "custom", path: ["filter", "spread"], input: filter.spread },
        message: `with strategy ${strategy} every chosen node has as many: leave it out, or prefer nodes by their labels`,
      });
    const endless = neverRefused(strategy, wait);
    if (endless !== undefined)
      addIssue({ code: "custom", path: ["waitDeadlineMs"], message: endless, input: wait.waitDeadlineMs });
    const alone = cannotPreempt(wait, { strategy, onShortage: wait.onShortage });
    if (alone !== undefined)
      addIssue({ code: "custom", path: ["preempt"], message: alone, input: wait.preempt });
    const at = ownAffinity(filter.affinity ?? [], app, entrypoint);
    if (at >= 0)
      addIssue({
        code: "custom",
        path: ["filter", "affinity", at, "to"],
        message: aboutItself,
        input: filter,
      });
  });
type NewDeployment = z.output<typeof NewDeployment>;

/** Why a deadline for waiting makes no sense. */
function neverRefused(
  strategy: Strategy,
  { onShortage, waitDeadlineMs }: { onShortage: string; waitDeadlineMs?: number | undefined },
): string | undefined {
  if (waitDeadlineMs === undefined) return undefined;
  if (onShortage === "refuse") return "with onShortage refuse nothing waits: leave one of the two out";
  return countsPerNode(strategy) ? perNodeWaits : undefined;
}

/** Workloads of one entrypoint are kept apart, or shared out, by other means than an affinity to themselves. */
const ownAffinity = (affinity: readonly Affinity[], app: string, entrypoint: string): number =>
  affinity.findIndex(({ to }) => to.app === app && to.entrypoint === entrypoint);
const aboutItself =
  "an affinity to the deployment's own entrypoint: use nodesLimit 1 for one per node, spread for places, a constraint for one place";

const tag = "deployments";
const params = z.strictObject({ deployment: DeploymentId });
const ids = { deployment: DeploymentId };

/** Commands about deployments, and the dry run of one. */
export function deploymentRoutes(deps: RouteDeps, live: Live): void {
  commandRoute(deps, {
    name: "RequestDeployment",
    method: "POST",
    url: "/v1/deployments",
    tag,
    summary: "Deploy an entrypoint of an app",
    description:
      "A standing wish to have `count` workloads in a pod. What runs is frozen into the deployment. With `dryRun` nothing is recorded: the scheduler answers what it would decide now, and why.",
    query: z.strictObject({ dryRun: flag }),
    body: NewDeployment,
    ids,
    command: async (input) => {
      await asExpected(deps, input.commandId, {
        expected: input.body.expect,
        ask: () => plan(deps, live, input),
        difference: planDifference,
      });
      return requestDeployment(input);
    },
    instead: {
      answer: PlanReply,
      when: (input) => (input.query.dryRun ? plan(deps, live, input) : undefined),
    },
  });
  commandRoute(deps, {
    name: "ScaleDeployment",
    method: "POST",
    url: "/v1/deployments/:deployment/scale",
    tag,
    summary: "Change how many workloads a deployment wants",
    description: "The count is absolute; with the strategies fill and each it is the number on each node.",
    params,
    body: z.strictObject({ count: requested.count }),
    ids,
    command: ({ params: { deployment }, body: { count } }) =>
      change(deployment, () => ({ type: "ScaleDeployment", deployment, count })),
  });
  commandRoute(deps, {
    name: "RemoveDeployment",
    method: "DELETE",
    url: "/v1/deployments/:deployment",
    tag,
    summary: "Remove a deployment",
    description: "Its workloads drain, stop and are removed. Its id is never used again.",
    params,
    ids,
    command: ({ params: { deployment } }) =>
      change(deployment, () => ({ type: "RemoveDeployment", deployment })),
  });
}

type DeploymentInput = Input<unknown, NewDeployment, { dryRun: boolean }>;

function requestDeployment({ body, commandId }: DeploymentInput): Command {
  const deployment = deploymentIdOf(body.app, body.entrypoint, commandId);
  const subject = subjects.deployment(body.pod, deployment);
  return {
    reads: [subjects.pod(body.pod), subjects.app(body.app), ...nodesIn(body).map(subjects.node)],
    writes: [turnOf(deployment)],
    decide: (intent) => {
      const command = { type: "RequestDeployment", ...wishOf(body, deployment, intent) } as const;
      const decided = decider.decide(intent.deployments.get(deployment), command);
      return followed(intent, deployment, about(subject, { deployment }, decided));
    },
  };
}

const nodesIn = ({ filter }: NewDeployment): string[] => [...filter.includes, ...filter.excludes];

function wishOf(body: NewDeployment, deployment: string, intent: Intent): DeploymentWish {
  const podOfNode = new Map<string, string>();
  for (const node of nodesIn(body)) {
    const state = intent.nodes.get(node);
    if (state.phase === "present") podOfNode.set(node, state.pod);
  }
  const appState = intent.apps.get(body.app);
  const podPhase = intent.pods.get(body.pod).phase;
  return { ...body, deployment, turn: turnGiven(body), appState, podPhase, podOfNode };
}

/** A decision with the routes that follow from it, within the quotas. */
const followed = (intent: Intent, deployment: string, decided: Decided): Decided =>
  withQuotas(intent, deployment, withRoutes(intent, deployment, decided));

/** A command about a deployment that is there: its pod, and so its history, are known from the log alone. */
export function change(deployment: string, wish: (intent: Intent) => DeploymentCommand): Command {
  return {
    reads: [],
    writes: [turnOf(deployment)],
    decide: (intent) => {
      const state = intent.deployments.get(deployment);
      if (state.phase === "absent")
        return { ok: false, refusal: { code: "deployment_unknown", deployment, removed: false } };
      const subject = subjects.deployment(state.pod, deployment);
      const decided = decider.decide(state, wish(intent));
      return followed(intent, deployment, about(subject, { deployment }, decided));
    },
  };
}

/** The key under which commands about a deployment and its workloads follow each other. */
export const turnOf = (deployment: string): string => `deployment ${deployment}`;

/** Asks the scheduler what it would decide; refused like the command itself when it could not be recorded. */
async function plan(deps: RouteDeps, live: Live, { body, commandId }: DeploymentInput): Promise<PlanReply> {
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  const deployment = deploymentIdOf(body.app, body.entrypoint, commandId);
  let request = requestOf(wishOf(body, deployment, follower.intent));
  if (!request.ok) {
    await follower.catchUp();
    request = requestOf(wishOf(body, deployment, follower.intent));
    if (!request.ok) throw problemOf(request.refusal, follower.intent);
  }
  const subject = subjects.deployment(body.pod, deployment);
  const made: Decided = { ok: true, subject, ids: { deployment }, events: [request.event] };
  const routed = followed(follower.intent, deployment, made);
  if (!routed.ok) throw problemOf(routed.refusal, follower.intent);
  const { type: _, onShortage: __, waitDeadlineMs: ___, ...asked } = request.event;
  return await askScheduler(live, { asked, answer: PlanReply, timeoutMs: deps.limits.planTimeoutMs });
}
