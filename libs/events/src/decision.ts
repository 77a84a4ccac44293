import { z } from "zod";
import { WorkloadChange } from "./change.ts";
import {
  AdoptionDecided,
  AdoptionRefused,
  DissociationDecided,
  DissociationRefused,
  ReleaseOrdered,
} from "./dissociation.ts";
import { DeploymentId, ElbName, NodeName, PodName, ReleaseName, WorkloadId } from "./names.ts";
import { PreemptionDecided, PreemptionEnded } from "./preempt.ts";
import { CoreId, Granted, Resources } from "./resources.ts";
import { DowntimeRisk } from "./rollout.ts";

/** Why a node could not take one more workload. Amounts in the resource's own unit. */
export const NodeRejection = z.strictObject({
  node: NodeName,
  filter: z.enum([
    "not_included",
    "excluded",
    "label",
    "constraint",
    "taint",
    "affinity",
    "cordoned",
    "draining",
    "not_alive",
    "engine_down",
    "no_capacity_known",
    "cpu",
    "memory",
    "storage",
    "volume",
    "gpu",
    "port",
    "nodes_limit",
    "set",
    "held",
  ]),
  /** A sentence with the amounts: "cpu: 2 wanted, 0.4 of 2 free". */
  detail: z.string(),
});
export type NodeRejection = z.infer<typeof NodeRejection>;

/** A candidate as the strategy saw it before placing. */
export const NodeScore = z.strictObject({
  node: NodeName,
  /** Workloads of the same app and entrypoint already there. */
  count: z.int(),
  /** How many more would fit. */
  capacity: z.int(),
  /** How many it got. */
  placed: z.int(),
  /** The part of its cores and memory that is booked, on average, where the strategy looks at it: 0.5 is half full. */
  usage: z.number().optional(),
  /** How much alike in proportion what is free there and what is asked for are, where the strategy looks at it: 1 is the same. */
  alike: z.number().optional(),
  /** The weights of the preferences it meets, less those of what it should avoid; only when there are any. */
  preference: z.int().optional(),
  /** Its value of the label that the workloads are spread over. */
  spread: z.string().optional(),
});
export type NodeScore = z.infer<typeof NodeScore>;

const AppliedTables = z.array(z.strictObject({ elb: ElbName, appliedSeq: z.int().min(0) }));

/** What a deployment that has a set of workloads on each node shall have where. */
const Sets = z.strictObject({
  /** Workloads on each node. */
  perNode: z.int().min(0),
  /** Nodes that are chosen. */
  nodesChosen: z.int().min(0),
  /** Nodes that are missing: no other node can have a whole set. */
  nodesLacking: z.int().min(0),
});

/** The reasons of one placement, kept for ever. Lists are bounded; the totals say what was left out. */
export const Reasons = z.strictObject({
  /** Which rules decided: changes when the same input would be answered differently. */
  policy: z.string(),
  /** The log up to here was seen. */
  inputSeq: z.int(),
  wanted: z.int(),
  resources: Resources,
  nodesTotal: z.int(),
  candidatesTotal: z.int(),
  /** The chosen first, then the best of the rest. */
  scores: z.array(NodeScore),
  /** Number of nodes each filter rejected. */
  rejectedTotals: z.record(z.string(), z.int()),
  rejected: z.array(NodeRejection),
  /** The smallest change that would let the rest fit; empty when everything fits. */
  wouldHelp: z.array(z.string()),
  /** During an upgrade: the load balancers alive and the table each had applied, by which workloads counted as serving. */
  elbs: AppliedTables.optional(),
  /** Of a deployment that has a set of workloads on each node. */
  sets: Sets.optional(),
});
export type Reasons = z.infer<typeof Reasons>;

const Placed = z.strictObject({
  workload: WorkloadId,
  node: NodeName,
  /** Which parts of the node it gets, when it asked for any that are not alike. */
  granted: Granted.optional(),
  /** It comes in this one's place, which goes when it serves; the sequence is that of the request. */
  replaces: z.strictObject({ workload: WorkloadId, requestSeq: z.int().min(1) }).optional(),
});

/** The scheduler's recorded answers, one history per pod: the pod owns the capacity of its nodes. */
export const DecisionEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("PlacementDecided"),
    deployment: DeploymentId,
    release: ReleaseName,
    /**
     * Why now. `drained_node`: in place of what is on a node that is being drained. `rebalanced`: in place of `instead`.
     * `replaced`: a user asked for another one in a workload's place.
     */
    because: z.enum([
      "deployed",
      "scaled",
      "upgrade",
      "node_lost",
      "failed",
      "room",
      "drained_node",
      "rollback",
      "rebalanced",
      "dissociated",
      "replaced",
      /** In place of what was displaced by another deployment. */
      "displaced",
    ]),
    /** The deployment that displaced what these come in place of. */
    displacedBy: DeploymentId.optional(),
    /** The workload that goes when this one serves: it was asked to move. */
    instead: WorkloadId.optional(),
    /** The sequence of the request whose template runs: two upgrades may name the same release. */
    templateSeq: z.int().min(1),
    placed: z.array(Placed),
    /** Workloads still without a node after this decision. */
    waiting: z.int().min(0),
    reasons: Reasons,
  }),
  /** Nothing could be placed; the deployment waits for room. Recorded once per reason, not once per try. */
  z.strictObject({
    type: z.literal("PlacementDeferred"),
    deployment: DeploymentId,
    waiting: z.int().min(1),
    /** The deployment that displaced what is missing. */
    displacedBy: DeploymentId.optional(),
    reasons: Reasons,
  }),
  /** The deployment asked not to wait, or not that long: `refused` workloads will not be placed. */
  z.strictObject({
    type: z.literal("PlacementRefused"),
    deployment: DeploymentId,
    refused: z.int().min(1),
    /** How long they had waited, when their deadline for that is why. */
    waitedMs: z.int().min(0).optional(),
    reasons: Reasons,
  }),
  /** On how many nodes a deployment has a set of workloads from now on. Recorded when that or the request changed. */
  z.strictObject({
    type: z.literal("SetsDecided"),
    deployment: DeploymentId,
    ...Sets.shape,
    /** Workloads there shall be in all. */
    wanted: z.int().min(0),
    /** The sequence of the newest request that was known. */
    requestSeq: z.int().min(1),
    inputSeq: z.int(),
    /** In words, what follows from it when nothing is placed; empty otherwise. */
    detail: z.string(),
  }),
  /** The workload shall go. Its endpoint drains first when traffic may reach it. */
  z.strictObject({
    type: z.literal("RemovalDecided"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    /** `other_nodes`: its node has no set any more, because it no longer fits the request or others were chosen. */
    because: z.enum([
      "removed",
      "scaled",
      "upgraded",
      "failed",
      "node_lost",
      "rolled_back",
      "drained_node",
      "other_nodes",
      "rebalanced",
      "not_adopted",
      /** Another one serves in its place, as a user asked. */
      "replaced",
      /** It was to take another one's place and does not get healthy. */
      "replacement_failed",
      /** A deployment of a higher priority gets its room. */
      "preempted",
    ]),
    /** Of a `preempted`: the deployment that gets its room. */
    by: DeploymentId.optional(),
    /** ELBs drain the endpoint and report; the stop is assigned when all live ones did, or at the deadline. */
    drain: z.boolean(),
    /** Milliseconds the drain may take. */
    drainDeadlineMs: z.int().min(0),
    /** Of a `drained_node` and a `rebalanced`: the load balancers alive and the table each had applied. It goes behind this barrier. */
    elbs: AppliedTables.optional(),
  }),
  PreemptionDecided,
  PreemptionEnded,
  /** The stop was sent to the node. */
  z.strictObject({
    type: z.literal("StopDecided"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    because: z.enum(["drained", "drain_deadline", "not_routed", "node_lost", "node_removed"]),
    /** Requests and connections that the load balancers still counted at the deadline; absent when none of them said. */
    inFlight: z.int().min(0).optional(),
  }),
  /** A workload stays where it is although a rebalancing asked to move it; `detail` says why. */
  z.strictObject({
    type: z.literal("MoveDropped"),
    deployment: DeploymentId,
    workload: WorkloadId,
    /** Where it was to go. */
    to: NodeName,
    /** The sequence of the request. */
    requestSeq: z.int().min(1),
    detail: z.string(),
  }),
  /** What a user asked of a workload begins: its endpoint drains first when traffic may reach it. */
  z.strictObject({
    type: z.literal("ChangeDecided"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    change: WorkloadChange,
    /** The sequence of the request. */
    requestSeq: z.int().min(1),
    drain: z.boolean(),
    drainDeadlineMs: z.int().min(0),
    /** Why it is not without downtime; empty when it is. */
    risk: z.string(),
    /** Of a replacement: why the old container has to be stopped before the new one starts. */
    inPlace: z.string().optional(),
  }),
  /** The order was sent to the node. */
  z.strictObject({
    type: z.literal("ChangeOrdered"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    change: WorkloadChange,
    because: z.enum(["drained", "drain_deadline", "not_routed"]),
    inFlight: z.int().min(0).optional(),
  }),
  /** It will not be done, or is taken back; `detail` says why and what to do. */
  z.strictObject({
    type: z.literal("ChangeRefused"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    change: WorkloadChange,
    requestSeq: z.int().min(1),
    detail: z.string(),
  }),
  DissociationDecided,
  ReleaseOrdered,
  DissociationRefused,
  AdoptionDecided,
  AdoptionRefused,
  /**
   * The workload gets other resources while it runs, ordered at this revision. Until its agent answers the larger of both
   * amounts is booked. `not_done`: back to what it had before, because its node could not do what was asked.
   */
  z.strictObject({
    type: z.literal("ReallocDecided"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    /** Counts the reallocations of the workload: it only grows. */
    revision: z.int().min(1),
    resources: Resources,
    /** The parts of the node it shall have: the cores it is bound to may be others. Absent: those of before. */
    granted: Granted.optional(),
    because: z.enum(["asked", "not_done"]),
    /** The sequence of the request. */
    requestSeq: z.int().min(1),
    /** Why it could not be done, in its agent's words; empty when it was asked for. */
    detail: z.string(),
  }),
  /** It keeps the resources it has; `detail` says why, with the amounts, and what to do. */
  z.strictObject({
    type: z.literal("ReallocRefused"),
    deployment: DeploymentId,
    workload: WorkloadId,
    node: NodeName,
    resources: Resources,
    requestSeq: z.int().min(1),
    detail: z.string(),
  }),
  /** One step of a rollout. Absolute numbers: how many new ones and old ones there are after the step. */
  z.strictObject({
    type: z.literal("RolloutStepped"),
    deployment: DeploymentId,
    release: ReleaseName,
    /** The sequence of the UpgradeRequested it carries out. */
    templateSeq: z.int().min(1),
    step: z.enum([
      "started",
      "placing",
      "retiring",
      "canary",
      "completed",
      "halted",
      "rolling_back",
      "rolled_back",
    ]),
    /** Which upgrade of the deployment. Absent in steps from before they were numbered. */
    rollout: z.int().min(1).optional(),
    /** It goes back to what ran before: the old are placed, the new retire. */
    back: z.boolean().optional(),
    fresh: z.int().min(0),
    stale: z.int().min(0),
    detail: z.string(),
    /** The load balancers alive at the step and the table each had applied: old ones retire behind this barrier. */
    elbs: AppliedTables,
    /** Of the first step: why it may cost requests. */
    risks: z.array(DowntimeRisk).optional(),
  }),
  /**
   * Replacement after replacement failed for good: no more of them until one workload has been healthy for a minute, or
   * the user scales, upgrades or removes.
   */
  z.strictObject({
    type: z.literal("DeploymentHalted"),
    deployment: DeploymentId,
    failures: z.int().min(1),
    /** The last failure, with the engine's text. */
    detail: z.string(),
  }),
  /** A workload placed after the last failure has been healthy for a minute: failures count from zero again. */
  z.strictObject({ type: z.literal("DeploymentSteady"), deployment: DeploymentId }),
  /** Nothing of a removed deployment is left anywhere: the last word about it. */
  z.strictObject({ type: z.literal("DeploymentEnded"), deployment: DeploymentId }),
  /**
   * Cores were bound or let go: from now on these are for the workloads of the node that are not bound. None: they may
   * use every core.
   */
  z.strictObject({
    type: z.literal("SharedCoresDecided"),
    pod: PodName,
    node: NodeName,
    /** Counts these decisions about the node: it only grows. */
    generation: z.int().min(1),
    cores: z.array(CoreId),
  }),
  /** A short silence: the node keeps its workloads and gets no new ones. */
  z.strictObject({
    type: z.literal("NodeSuspected"),
    pod: PodName,
    node: NodeName,
    silentMs: z.int().min(0),
  }),
  /** A long silence: its workloads are replaced elsewhere. */
  z.strictObject({
    type: z.literal("NodeLost"),
    pod: PodName,
    node: NodeName,
    silentMs: z.int().min(0),
    workloads: z.int().min(0),
  }),
  /** The node's heartbeats arrive: for the first time, or again after NodeSuspected or NodeLost. */
  z.strictObject({ type: z.literal("NodeRecovered"), pod: PodName, node: NodeName }),
  /** The drain's deadline has passed: it is paused until the user resumes or cancels it. `left` workloads are on the node. */
  z.strictObject({
    type: z.literal("DrainOverdue"),
    pod: PodName,
    node: NodeName,
    left: z.int().min(0),
  }),
  /** Too many nodes fell silent at once to believe that they died: nothing is moved until they return or an operator acts. */
  z.strictObject({
    type: z.literal("NodeLossHeld"),
    pod: PodName,
    nodes: z.array(NodeName),
    nodesTotal: z.int(),
  }),
]);
export type DecisionEvent = z.infer<typeof DecisionEvent>;
