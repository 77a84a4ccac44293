import {
  DrainPlanExpectation,
  DrainPlanReply,
  drainDeadlineMsMax,
  Labels,
  NodeEvent,
  NodeName,
  PodName,
  subjects,
} from "@eru/events";
import type { Live } from "@eru/log";
import { z } from "zod";
import { drainDifference } from "../domain/change-difference.ts";
import { node as decider, type NodeCommand } from "../domain/node.ts";
import { about, type Command, NotCaughtUpError } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { problemOf } from "../problems.ts";
import { asExpected } from "./as-expected.ts";
import { askScheduler } from "./ask-scheduler.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { flag } from "./flag.ts";
import { Offer, OfferChange } from "./resources.ts";

const NewNode = z.strictObject({
  name: NodeName,
  pod: PodName,
  labels: Labels.default({}),
  resources: Offer.optional().describe(
    "What may be booked; what is absent is as its agent reports it: all cores and 80 % of the memory.",
  ),
});
const Cordon = z.strictObject({ reason: NodeEvent.options[3].shape.reason.default("") });
const DrainBody = z.strictObject({
  ...Cordon.shape,
  expect: DrainPlanExpectation.optional().describe(
    "Of a dry run's answer: refused with the difference when other things would be moved now.",
  ),
  deadlineMs: z
    .int()
    .min(1)
    .max(drainDeadlineMsMax)
    .optional()
    .describe(
      "Milliseconds after which the drain is paused with what is left; absent: it takes as long as it takes.",
    ),
});
const tag = "nodes";
const params = z.strictObject({ node: NodeName });
const ids = { node: NodeName };

/** Commands about nodes. */
export function nodeRoutes(deps: RouteDeps, live: Live): void {
  drainRoutes(deps, live);
  resourceRoutes(deps);
  commandRoute(deps, {
    name: "AddNode",
    method: "POST",
    url: "/v1/nodes",
    tag,
    summary: "Add a node to a pod",
    description: "A node is a machine with a Docker engine and an agent of the same name.",
    body: NewNode,
    ids,
    command: ({ body }) => addNode(body),
  });
  commandRoute(deps, {
    name: "SetNodeLabels",
    method: "PUT",
    url: "/v1/nodes/:node/labels",
    tag,
    summary: "Replace a node's labels",
    description: "The body is the whole set: labels that are not named are gone.",
    params,
    body: Labels,
    ids,
    command: ({ params: { node }, body: labels }) => change("SetNodeLabels", node, { labels }),
  });
  commandRoute(deps, {
    name: "CordonNode",
    method: "POST",
    url: "/v1/nodes/:node/cordon",
    tag,
    summary: "Place no new workloads on a node",
    description: "Workloads that are there stay.",
    params,
    body: Cordon.prefault({}),
    ids,
    command: ({ params: { node }, body: { reason } }) => change("CordonNode", node, { reason }),
  });
  commandRoute(deps, {
    name: "UncordonNode",
    method: "POST",
    url: "/v1/nodes/:node/uncordon",
    tag,
    summary: "Place workloads on a node again",
    description: "Undoes a cordon.",
    params,
    body: z.strictObject({}).optional(),
    ids,
    command: ({ params: { node } }) => change("UncordonNode", node, {}),
  });
  commandRoute(deps, {
    name: "RemoveNode",
    method: "DELETE",
    url: "/v1/nodes/:node",
    tag,
    summary: "Remove a node",
    description:
      "Refused while workloads are assigned there; with `force` they count as lost and are replaced elsewhere. Its name may be used again.",
    params,
    query: z.strictObject({ force: flag }),
    ids,
    command: ({ params: { node }, query: { force } }) => removeNode(node, force),
  });
}

function resourceRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "SetNodeResources",
    method: "PUT",
    url: "/v1/nodes/:node/resources",
    tag,
    summary: "Set what may be booked on a node",
    description:
      "The body is the whole word: what is not named is as the agent reports it. Workloads that are there stay, also when they book more than this.",
    params,
    body: Offer,
    ids,
    command: ({ params: { node }, body: resources }) => change("SetNodeResources", node, { resources }),
  });
  commandRoute(deps, {
    name: "ChangeNodeResources",
    method: "PATCH",
    url: "/v1/nodes/:node/resources",
    tag,
    summary: "Change some of what may be booked on a node",
    description:
      "What is not named stays as it is; null: as the agent reports it. Workloads that are there stay, also when they book more than this.",
    params,
    body: OfferChange,
    ids,
    command: ({ params: { node }, body: changes }) => change("ChangeNodeResources", node, { changes }),
  });
}

function drainRoutes(deps: RouteDeps, live: Live): void {
  commandRoute(deps, {
    name: "DrainNode",
    method: "POST",
    url: "/v1/nodes/:node/drain",
    tag,
    summary: "Move everything on a node elsewhere",
    description:
      "Start-first: a workload goes when another one serves in its place; what fits nowhere else stays, and the node's query says why. Nothing new is placed there until the drain is cancelled. With `dryRun` nothing is recorded: the scheduler answers what would go where.",
    params,
    query: z.strictObject({ dryRun: flag }),
    body: DrainBody.prefault({}),
    ids,
    command: async ({ params: { node }, body: { reason, deadlineMs, expect }, commandId }) => {
      await asExpected(deps, commandId, {
        expected: expect,
        ask: () => forecast(deps, live, node),
        difference: drainDifference,
      });
      return change("DrainNode", node, { reason, deadlineMs });
    },
    instead: {
      answer: DrainPlanReply,
      when: ({ params: { node }, query }) => (query.dryRun ? forecast(deps, live, node) : undefined),
    },
  });
  commandRoute(deps, {
    name: "PauseDrain",
    method: "POST",
    url: "/v1/nodes/:node/drain/pause",
    tag,
    summary: "Pause the drain of a node",
    description:
      "Nothing more is moved, and nothing new is placed there; what is on its way comes to its end.",
    params,
    ids,
    command: ({ params: { node } }) => change("PauseDrain", node, {}),
  });
  commandRoute(deps, {
    name: "ResumeDrain",
    method: "POST",
    url: "/v1/nodes/:node/drain/resume",
    tag,
    summary: "Go on with the drain of a node",
    description: "Also after its deadline, which counts anew.",
    params,
    ids,
    command: ({ params: { node } }) => change("ResumeDrain", node, {}),
  });
  commandRoute(deps, {
    name: "CancelDrain",
    method: "DELETE",
    url: "/v1/nodes/:node/drain",
    tag,
    summary: "Cancel the drain of a node",
    description: "What has not been moved stays; what has been moved does not come back.",
    params,
    ids,
    command: ({ params: { node } }) => change("CancelDrain", node, {}),
  });
}

/** Asks the scheduler what the drain would move; refused like the command when the node is not there. */
async function forecast(deps: RouteDeps, live: Live, node: string): Promise<DrainPlanReply> {
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  if (follower.intent.nodes.get(node).phase !== "present") await follower.catchUp();
  const decided = decider.decide(follower.intent.nodes.get(node), { type: "DrainNode", node, reason: "" });
  if (!decided.ok) throw problemOf(decided.refusal, follower.intent);
  const { planTimeoutMs: timeoutMs } = deps.limits;
  return await askScheduler(live, { asked: { drain: node }, answer: DrainPlanReply, timeoutMs });
}

function addNode({ name: node, pod, labels, resources }: z.output<typeof NewNode>): Command {
  return {
    reads: [subjects.pod(pod)],
    writes: [subjects.node(node)],
    decide: (intent) => {
      const podPhase = intent.pods.get(pod).phase;
      const workloads = intent.occupancy.on(node);
      return decide(intent, { type: "AddNode", node, pod, labels, resources, podPhase, workloads });
    },
  };
}

function removeNode(node: string, force: boolean): Command {
  return {
    reads: [],
    writes: [subjects.node(node)],
    decide: (intent) => {
      const workloads = intent.occupancy.on(node);
      return decide(intent, { type: "RemoveNode", node, workloads, force });
    },
  };
}

type Change = Exclude<NodeCommand, { type: "AddNode" | "RemoveNode" }>;

/** A command that depends on nothing but the node. */
function change<T extends Change["type"]>(
  type: T,
  node: string,
  fields: Omit<Extract<Change, { type: T }>, "type" | "node">,
): Command {
  const command = { type, node, ...fields } as NodeCommand;
  return {
    reads: [],
    writes: [subjects.node(node)],
    decide: (intent) => decide(intent, command),
  };
}

const decide = (intent: Intent, command: NodeCommand) =>
  about(
    subjects.node(command.node),
    { node: command.node },
    decider.decide(intent.nodes.get(command.node), command),
  );
