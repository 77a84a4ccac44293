import {
  PodName,
  RebalanceGoal,
  RebalanceMove,
  RebalanceReply,
  rebalanceMovesMax,
  subjects,
} from "@eru/events";
import type { Live } from "@eru/log";
import { Problem } from "@eru/service";
import { z } from "zod";
import { pod as decider } from "../domain/pod.ts";
import { movesDifference } from "../domain/rebalance-difference.ts";
import { about, type Command, NotCaughtUpError } from "../handle.ts";
import { problemOf } from "../problems.ts";
import { askScheduler } from "./ask-scheduler.ts";
import { commandRoute, type Input, type RouteDeps } from "./command-route.ts";
import { flag } from "./flag.ts";

/** Moves of one rebalancing when the request says nothing: little churn, and the next one goes on. */
const movesMaxDefault = 20;

const Rebalance = z.strictObject({
  goal: RebalanceGoal.default("even").describe(
    "even: entrypoints spread as their strategy would now, then nodes about as full as each other; empty: as many nodes as possible with nothing on them",
  ),
  movesMax: z
    .int()
    .min(1)
    .max(rebalanceMovesMax)
    .default(movesMaxDefault)
    .describe("The churn budget: no more workloads than this are moved."),
  expect: z
    .strictObject({ atSeq: z.int().min(0), moves: z.array(RebalanceMove).max(rebalanceMovesMax) })
    .optional()
    .describe("Of a dry run's answer: refused with the difference when other moves would be chosen now."),
});
const params = z.strictObject({ pod: PodName });
type RebalanceInput = Input<{ pod: string }, z.output<typeof Rebalance>, { dryRun: boolean }>;

/** The command that moves workloads to better places, and its dry run. */
export function rebalanceRoutes(deps: RouteDeps, live: Live): void {
  commandRoute(deps, {
    name: "Rebalance",
    method: "POST",
    url: "/v1/pods/:pod/rebalance",
    tag: "pods",
    summary: "Move workloads of a pod to better places",
    description:
      "The scheduler chooses the moves, each with its gain, within the budget. Each is start-first: the old one goes when the new one serves; what cannot be moved any more by then stays, with the reason. With `dryRun` nothing is recorded.",
    params,
    query: z.strictObject({ dryRun: flag }),
    body: Rebalance.prefault({}),
    ids: { pod: PodName },
    command: (input) => rebalance(deps, live, input),
    instead: {
      answer: RebalanceReply,
      when: (input) => (input.query.dryRun ? plan(deps, live, input) : undefined),
    },
  });
}

async function rebalance(deps: RouteDeps, live: Live, input: RebalanceInput): Promise<Command> {
  const { pod } = input.params;
  const { expect } = input.body;
  const now = await plan(deps, live, input);
  // A repetition is answered as it was the first time: by now its own moves are under way.
  const repeated = deps.handling.follower.intent.answerTo(input.commandId) !== undefined;
  const differences = expect && !repeated ? movesDifference(expect, now) : [];
  if (differences.length > 0)
    throw new Problem(
      409,
      "plan_changed",
      `what the plan of sequence ${expect?.atSeq} rests on has changed by sequence ${now.atSeq}, nothing was recorded: ${differences.join("; ")}; make a new plan with ?dryRun=true, or leave \`expect\` out`,
    );
  const moves = now.moves.map(({ gain: _, ...move }) => move);
  const subject = subjects.pod(pod);
  const asked = { pod, goal: now.goal, moves, atSeq: now.atSeq };
  return {
    reads: [],
    writes: [subject],
    decide: (intent) =>
      about(subject, { pod }, decider.decide(intent.pods.get(pod), { type: "Rebalance", ...asked })),
  };
}

/** Asks the scheduler what it would move; refused like the command when the pod is not there. */
async function plan(deps: RouteDeps, live: Live, input: RebalanceInput): Promise<RebalanceReply> {
  const { pod } = input.params;
  const { goal, movesMax } = input.body;
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  if (follower.intent.pods.get(pod).phase !== "present") await follower.catchUp();
  const nothing = { pod, goal, moves: [], atSeq: 0 };
  const decided = decider.decide(follower.intent.pods.get(pod), { type: "Rebalance", ...nothing });
  if (!decided.ok) throw problemOf(decided.refusal, follower.intent);
  return await askScheduler(live, {
    asked: { rebalance: pod, goal, movesMax },
    answer: RebalanceReply,
    timeoutMs: deps.limits.planTimeoutMs,
  });
}
