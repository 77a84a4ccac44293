import {
  type CorrectedNode,
  liveSubjects,
  NodeName,
  PodName,
  subjects,
  type UsageLine,
  type UsageNode,
  UsageReply,
  usageDifferencesMax,
  usageLinesMax,
  usageNodesMax,
} from "@eru/events";
import type { Live } from "@eru/log";
import { z } from "zod";
import { pod as decider } from "../domain/pod.ts";
import { about, type Command, NotCaughtUpError } from "../handle.ts";
import { problemOf } from "../problems.ts";
import { askScheduler } from "./ask-scheduler.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { questionRoute } from "./question-route.ts";

/** Milliseconds a scheduler may read the whole log and ask the agents, twice. */
const checkTimeoutMs = 29_000;

const params = z.strictObject({ pod: PodName });
const Asked = z.strictObject({ node: NodeName.optional().describe("Absent: every node of the pod.") });

/** The accounts of what is used, and their correction. */
export function usageRoutes(deps: RouteDeps, live: Live): void {
  questionRoute(deps, {
    name: "AskUsage",
    url: "/v1/pods/:pod/usage",
    tag: "pods",
    summary: "What is used of the nodes of a pod, in three accounts",
    description:
      "What the scheduler that decides has booked, what the whole log says when it is read anew, and what the agents find at their engines. What differs is looked at twice: what is on its way is no difference. Nodes that differ come first; an agent that does not answer is named. Changes nothing.",
    params,
    query: Asked,
    answer: UsageReply,
    ask: ({ params: { pod }, query: { node } }) => ask(deps, live, { pod, node, fix: false }),
  });
  commandRoute(deps, {
    name: "CorrectUsage",
    method: "POST",
    url: "/v1/pods/:pod/usage/fix",
    tag: "pods",
    summary: "Put right what differs between the accounts of what is used",
    description:
      "Compares the accounts and records what differs, as one event. Containers with other bounds than ordered get those that are ordered once more; agents look at their engines anew, remove what nobody ordered and make what is missing; a scheduler whose own account is not the log's takes that of the log. Where nothing differs nothing is recorded.",
    params,
    body: Asked.prefault({}),
    ids: { pod: PodName },
    command: ({ params: { pod }, body: { node }, commandId }) =>
      correct(deps, live, { pod, node, commandId }),
  });
}

type Of = { pod: string; node: string | undefined };

async function correct(
  deps: RouteDeps,
  live: Live,
  { pod, node, commandId }: Of & { commandId: string },
): Promise<Command> {
  const { follower } = deps.handling;
  await follower.catchUp();
  // A repetition is answered as it was the first time: what it found is being put right.
  const repeated = follower.intent.answerTo(commandId) !== undefined;
  const found = repeated ? undefined : await ask(deps, live, { pod, node, fix: true });
  const subject = subjects.pod(pod);
  const correction = {
    ...{ pod, nodes: correctedIn(found?.nodes ?? []), atSeq: found?.atSeq ?? 0 },
    ...(found?.schedulerReplaced && { schedulerReplaced: true as const }),
  };
  return {
    reads: [],
    writes: [subject],
    decide: (intent) =>
      about(subject, { pod }, decider.decide(intent.pods.get(pod), { type: "CorrectUsage", ...correction })),
  };
}

/** Asks the scheduler that decides; refused like a command when the pod is not there. */
async function ask(
  deps: RouteDeps,
  live: Live,
  { pod, node, fix }: Of & { fix: boolean },
): Promise<UsageReply> {
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  if (follower.intent.pods.get(pod).phase !== "present") await follower.catchUp();
  const nothing = { pod, nodes: [], atSeq: 0 };
  const decided = decider.decide(follower.intent.pods.get(pod), { type: "CorrectUsage", ...nothing });
  if (!decided.ok) throw problemOf(decided.refusal, follower.intent);
  return await askScheduler(live, {
    asked: { usage: pod, fix, ...(node !== undefined && { node }) },
    answer: UsageReply,
    timeoutMs: checkTimeoutMs,
    subject: liveSubjects.usage,
  });
}

const differs = ({ scheduler, log, node = log }: UsageLine): boolean => scheduler !== log || node !== log;

/** What differs, within what one event holds: the rest is for the next correction. */
function correctedIn(nodes: readonly UsageNode[]): CorrectedNode[] {
  let left = usageDifferencesMax;
  return nodes
    .filter(({ differences, lines }) => differences.length > 0 || lines.some(differs))
    .slice(0, usageNodesMax)
    .map(({ node, lines, differences }) => {
      const told = differences.slice(0, left);
      left -= told.length;
      return { node, lines: lines.filter(differs).slice(0, usageLinesMax), differences: told };
    })
    .filter(({ lines, differences }) => differences.length + lines.length > 0);
}
