import { z } from "zod";
import { DeploymentId, NodeName, WorkloadId } from "./names.ts";
import { Priority } from "./turn.ts";

/** A workload that goes so that another one, of a higher priority, can have its place. */
export const Victim = z.strictObject({
  workload: WorkloadId,
  deployment: DeploymentId,
  priority: Priority,
  /** The sequence of the decision that placed it: its age. */
  placedSeq: z.int().min(1),
});
export type Victim = z.infer<typeof Victim>;

/** Who goes from a node, the lowest priority first, the youngest first, and how many get room by that. */
export const DisplacedPlace = z.strictObject({
  node: NodeName,
  count: z.int().min(1),
  victims: z.array(Victim).min(1),
});
export type DisplacedPlace = z.infer<typeof DisplacedPlace>;

/** Who would have to go on a node that was not chosen. */
export const PreemptionRunnerUp = z.strictObject({
  node: NodeName,
  victims: z.int().min(1),
  highestPriority: Priority,
  /** The sequence of the decision that placed the oldest of them. */
  oldestSeq: z.int().min(1),
});
export type PreemptionRunnerUp = z.infer<typeof PreemptionRunnerUp>;

/** Whom a deployment displaces and why these: what is decided and what a dry run tells. */
export const Preemption = z.strictObject({
  /** The rule that chose. */
  policy: z.string(),
  /** The log up to here was seen. */
  inputSeq: z.int(),
  /** Of the deployment that displaces. */
  priority: Priority,
  /** Workloads that find no room. */
  wanted: z.int().min(1),
  /** How many of them get what is about to become free anyway. */
  freeing: z.int().min(0),
  places: z.array(DisplacedPlace).min(1),
  /** The best of the nodes that were not chosen. */
  runnersUp: z.array(PreemptionRunnerUp),
  nodesTotal: z.int().min(0),
  /** Nodes that lack nothing but room and have workloads of a lower priority. */
  candidatesTotal: z.int().min(0),
  /** How many of those were looked at: the ones on which the least must become free. */
  examined: z.int().min(0),
});
export type Preemption = z.infer<typeof Preemption>;

/** Workloads of a lower priority shall go: recorded before they do. The room is kept for the deployment until it is there. */
export const PreemptionDecided = z.strictObject({
  type: z.literal("PreemptionDecided"),
  deployment: DeploymentId,
  ...Preemption.shape,
});

/** Room is kept for a deployment no longer, although it was not placed there; `detail` says why. */
export const PreemptionEnded = z.strictObject({
  type: z.literal("PreemptionEnded"),
  deployment: DeploymentId,
  ended: z.array(z.strictObject({ node: NodeName, detail: z.string() })).min(1),
});
