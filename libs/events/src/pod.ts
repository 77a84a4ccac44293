import { z } from "zod";
import { PodName } from "./names.ts";
import { RebalanceGoal, RebalanceMove, rebalanceMovesMax } from "./rebalance.ts";

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
]);
export type PodEvent = z.infer<typeof PodEvent>;
