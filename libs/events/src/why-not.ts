import { z } from "zod";
import { NodeRejection, NodeScore } from "./decision.ts";
import { DeploymentId, NodeName, PodName } from "./names.ts";

/** Why not there: asked of the scheduler on the subject of dry runs, about now or about any time in the log. */
export const WhyNotRequest = z.strictObject({
  whyNot: z.strictObject({
    node: NodeName,
    deployment: DeploymentId,
    /** As everything was once the log had been folded up to here; absent: now. */
    atSeq: z.int().min(1).optional(),
  }),
});
export type WhyNotRequest = z.infer<typeof WhyNotRequest>;

/** What keeps one more workload of the deployment off the node, all of it, or how good a choice the node is. */
export const WhyNotReply = z.strictObject({
  atSeq: z.int(),
  deployment: DeploymentId,
  pod: PodName,
  node: NodeName,
  /** Workloads of the deployment that the node has and keeps. */
  there: z.int().min(0),
  /** How many the deployment shall have, and how many it lacks. */
  wanted: z.int().min(0),
  missing: z.int().min(0),
  /** Every filter that says no, in the order in which they are asked; `other_pod` is alone. */
  rejections: z.array(
    z.strictObject({
      filter: z.enum([...NodeRejection.shape.filter.options, "other_pod"]),
      /** A sentence with the amounts. */
      detail: z.string(),
    }),
  ),
  /** What would help there; where several filters say no, all of it together. */
  wouldHelp: z.array(z.string()),
  nodesTotal: z.int().min(0),
  candidatesTotal: z.int().min(0),
  /** The node that one more would go to; absent when none can take it. */
  first: NodeScore.optional(),
  /** Where the node can take one more: how it stands. */
  standing: z
    .strictObject({
      score: NodeScore,
      /** 1 is chosen next, 2 is chosen were the first not there, and so on; absent beyond the hundredth. */
      rank: z.int().min(1).optional(),
    })
    .optional(),
});
export type WhyNotReply = z.infer<typeof WhyNotReply>;
