import { z } from "zod";
import { DeploymentId, NodeName, PodName, WorkloadId } from "./names.ts";
import { DowntimeRisk } from "./rollout.ts";

/** The most moves of one rebalancing: they travel in one message. */
export const rebalanceMovesMax = 500;

/**
 * What a rebalancing is for. `even`: workloads of an entrypoint spread as its strategy would spread them now, then nodes
 * about as full as each other. `empty`: as many nodes as possible with nothing on them.
 */
export const RebalanceGoal = z.enum(["even", "empty"]);
export type RebalanceGoal = z.infer<typeof RebalanceGoal>;

/** One workload that shall run on another node. */
export const RebalanceMove = z.strictObject({
  deployment: DeploymentId,
  workload: WorkloadId,
  from: NodeName,
  to: NodeName,
});
export type RebalanceMove = z.infer<typeof RebalanceMove>;

/** How well the workloads lie; the smaller, the better, but for `emptyNodes`. */
export const Balance = z.strictObject({
  /** Workloads beside more of their entrypoint on their node than an even spread over the nodes that may have them needs. */
  crowded: z.int().min(0),
  /** Standard deviation of how full the nodes are (mean of CPU and memory, 0 to 1). */
  unevenness: z.number().min(0),
  /** Part of the free CPU and memory that has nothing of the other beside it on its node, 0 to 1. */
  stranded: z.number().min(0).max(1),
  /** Nodes without workloads. */
  emptyNodes: z.int().min(0),
});
export type Balance = z.infer<typeof Balance>;

/** Asks the scheduler what it would move; on the subject of dry runs. */
export const RebalanceRequest = z.strictObject({
  rebalance: PodName,
  goal: RebalanceGoal,
  /** The churn budget: no more moves than this. */
  movesMax: z.int().min(1).max(rebalanceMovesMax),
});
export type RebalanceRequest = z.infer<typeof RebalanceRequest>;

/** What would be moved, and what is gained by it. */
export const RebalanceReply = z.strictObject({
  atSeq: z.int(),
  pod: PodName,
  goal: RebalanceGoal,
  /** In the order in which they are begun, with what each is for. */
  moves: z.array(z.strictObject({ ...RebalanceMove.shape, gain: z.string() })),
  before: Balance,
  after: Balance,
  /** Nodes with nothing on them afterwards that have something now. */
  emptied: z.array(NodeName),
  /** The budget ended it: another rebalancing would find more. */
  more: z.boolean(),
  /** Workloads that are not moved, by reason. */
  staying: z.record(z.string(), z.int()),
  /** Why moving workloads of a deployment may cost requests. */
  risks: z.array(z.strictObject({ deployment: DeploymentId, risks: z.array(DowntimeRisk) })),
});
export type RebalanceReply = z.infer<typeof RebalanceReply>;
