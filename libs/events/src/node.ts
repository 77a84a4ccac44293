import { z } from "zod";
import { NodeName, PodName } from "./names.ts";
import { GivenResources } from "./resources.ts";

/** The name of a node's label. */
export const LabelName = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$/, "not a label name");
/** The value of a node's label. */
export const LabelValue = z.string().max(256);

/** Labels of a node: what constraints are matched against. */
export const Labels = z
  .record(LabelName, LabelValue)
  .refine((labels) => Object.keys(labels).length <= 256, "at most 256 labels");
export type Labels = z.infer<typeof Labels>;

/** The longest deadline of a drain: thirty days. */
export const drainDeadlineMsMax = 30 * 86_400_000;

/** A node is a machine with a Docker engine and an agent; it belongs to one pod for its whole life. */
export const NodeEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("NodeAdded"),
    node: NodeName,
    pod: PodName,
    labels: Labels,
    /** What may be booked. What is not named is as the agent reports it: all cores and 80 % of the memory. */
    resources: GivenResources.optional(),
  }),
  /** The whole word of the user: what is not named is as the agent reports it. */
  z.strictObject({ type: z.literal("NodeResourcesSet"), node: NodeName, resources: GivenResources }),
  /** The whole set: labels that are not named are gone. */
  z.strictObject({ type: z.literal("NodeLabelled"), node: NodeName, labels: Labels }),
  z.strictObject({ type: z.literal("NodeCordoned"), node: NodeName, reason: z.string().max(1_024) }),
  z.strictObject({ type: z.literal("NodeUncordoned"), node: NodeName }),
  z.strictObject({ type: z.literal("NodeRemoved"), node: NodeName }),
  /** Everything there shall be moved elsewhere, start-first, and nothing new be placed there. */
  z.strictObject({
    type: z.literal("DrainRequested"),
    node: NodeName,
    reason: z.string().max(1_024),
    /** Milliseconds after which it is paused with what is left. Absent: it takes as long as it takes. */
    deadlineMs: z.int().min(1).max(drainDeadlineMsMax).optional(),
  }),
  /** Nothing more is moved; nothing new is placed there either. */
  z.strictObject({ type: z.literal("DrainPaused"), node: NodeName }),
  /** The drain goes on, and its deadline counts anew. */
  z.strictObject({ type: z.literal("DrainResumed"), node: NodeName }),
  /** What has not been moved stays; the node takes workloads again, unless it is cordoned. */
  z.strictObject({ type: z.literal("DrainCancelled"), node: NodeName }),
]);
export type NodeEvent = z.infer<typeof NodeEvent>;
