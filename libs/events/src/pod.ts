import { z } from "zod";
import { PodName } from "./names.ts";
import { RebalanceGoal, RebalanceMove, rebalanceMovesMax } from "./rebalance.ts";
import { CorrectedNode, usageNodesMax } from "./usage.ts";

/** A pod is a named group of nodes that can reach each other. */
export const PodEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("PodAdded"), pod: PodName, description: z.string().max(1_024) }),
  z.strictObject({ type: z.literal("PodRemoved"), pod: PodName }),
  /** Workloads shall run on other nodes: each moves start-first, when it still can. */
  z.strictObject({
    type: z.literal("RebalanceRequested"),
    pod: PodName,
    goal: RebalanceGoal,
    moves: z.array(RebalanceMove).min(1).max(rebalanceMovesMax),
    /** The log up to here was seen when the moves were chosen. */
    atSeq: z.int().min(0),
  }),
  /**
   * Accounts were compared and differ: what is booked, what the whole log says, what the nodes have. What an order can put
   * right is ordered anew; the rest is for the agents, or told alone.
   */
  z.strictObject({
    type: z.literal("UsageCorrectionRequested"),
    pod: PodName,
    nodes: z.array(CorrectedNode).max(usageNodesMax),
    /** The scheduler's own account was wrong: it took that of the log. */
    schedulerReplaced: z.literal(true).optional(),
    /** The log up to here was compared. */
    atSeq: z.int().min(0),
  }),
]);
export type PodEvent = z.infer<typeof PodEvent>;
