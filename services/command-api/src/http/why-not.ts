import { DeploymentId, NodeName, WhyNotReply } from "@eru/events";
import type { Live } from "@eru/log";
import { z } from "zod";
import { askScheduler } from "./ask-scheduler.ts";
import type { RouteDeps } from "./command-route.ts";
import { questionRoute } from "./question-route.ts";

/** Milliseconds a scheduler may read the log for a question about the past, and some more to answer. */
const pastTimeoutMs = 25_000;

/** Why a deployment gets nothing more on a node, or how the node stands among the candidates. */
export function whyNotRoute(deps: RouteDeps, live: Live): void {
  questionRoute(deps, {
    name: "AskWhyNot",
    url: "/v1/deployments/:deployment/why-not/:node",
    tag: "deployments",
    summary: "Why one more workload of a deployment does not go to a node",
    description:
      "Every filter that says no, with amounts, and what would help there; or the node's score and rank. With `at` as it was at that sequence: a scheduler reads the log up to there first, for at most 20 seconds; on a long log the answer is 503 with how far it is, and asked again within a minute it goes on.",
    params: z.strictObject({ deployment: DeploymentId, node: NodeName }),
    query: z.strictObject({
      at: z.coerce
        .number("a sequence of the log: a whole number from 1")
        .int()
        .min(1)
        .optional()
        .describe("Absent: now."),
    }),
    answer: WhyNotReply,
    ask: ({ params, query: { at } }) =>
      askScheduler(live, {
        asked: { whyNot: { ...params, ...(at !== undefined && { atSeq: at }) } },
        answer: WhyNotReply,
        timeoutMs: at === undefined ? deps.limits.planTimeoutMs : pastTimeoutMs,
      }),
  });
}
