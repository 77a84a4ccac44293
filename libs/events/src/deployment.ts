import { z } from "zod";
import { ImageRef } from "./app.ts";
import { WorkloadChange } from "./change.ts";
import { Constraint, constraintsMax } from "./constraint.ts";
import { AdoptionRequested, DissociationRequested } from "./dissociation.ts";
import { Inherit } from "./inherit.ts";
import {
  AppName,
  DeploymentId,
  EntrypointName,
  NodeName,
  PodName,
  ReleaseName,
  WorkloadId,
} from "./names.ts";
import { Labels } from "./node.ts";
import { ReallocAmounts } from "./realloc.ts";
import { Resources } from "./resources.ts";
import { RolloutSettings } from "./rollout.ts";
import { Entrypoint, Env } from "./spec.ts";
import { Turn } from "./turn.ts";
import { Affinity, Preference, Spread, TaintName, whereMax } from "./where.ts";

/** The largest number of workloads one deployment may ask for. */
export const countMax = 1_000_000;
const Count = z.int("count is a whole number").min(0, "count must not be negative").max(countMax);

/** Which nodes of the pod may be chosen. */
export const NodeFilter = z.strictObject({
  /** Only these nodes, when not empty. */
  includes: z.array(NodeName).max(10_000).default([]),
  excludes: z.array(NodeName).max(10_000).default([]),
  /** Labels a node must have, by equality. */
  labels: Labels.default({}),
  /** Conditions on labels, all of which a node must meet. Absent in requests from before there were any. */
  constraints: z.array(Constraint).max(constraintsMax).optional(),
  /** Taints that do not keep these workloads away; `*` for all. */
  tolerates: z
    .array(z.union([TaintName, z.literal("*")]))
    .max(whereMax)
    .optional(),
  affinity: z.array(Affinity).max(whereMax).optional(),
  prefer: z.array(Preference).max(whereMax).optional(),
  spread: Spread.optional(),
});
export type NodeFilter = z.infer<typeof NodeFilter>;

/**
 * How the missing workloads of a deployment are shared out over the nodes: AUTO evens out the workloads of an entrypoint,
 * GLOBAL evens out how full the nodes are, DRAINED uses up the fullest node first, PACK needs the fewest nodes. FILL and
 * EACH put `count` workloads on every chosen node. See docs/scheduling.md.
 */
export const Strategy = z.enum(["auto", "global", "drained", "pack", "fill", "each"]);
export type Strategy = z.infer<typeof Strategy>;

/** The strategies whose `count` is the number on each chosen node, and whose `nodesLimit` is the number of nodes. */
export type PerNodeStrategy = "fill" | "each";
/** Whether the `count` of a deployment is the number on each chosen node. */
export const countsPerNode = (strategy: Strategy): strategy is PerNodeStrategy =>
  strategy === "fill" || strategy === "each";

/** The largest number of workloads that a deployment may ask for on each node. */
export const perNodeMax = 1_000;

/** What runs: frozen into the deployment by command-api, so that a decision can be replayed from its own history. */
export const Template = z.strictObject({
  app: AppName,
  release: ReleaseName,
  entrypointName: EntrypointName,
  image: ImageRef,
  entrypoint: Entrypoint,
  env: Env,
});
export type Template = z.infer<typeof Template>;

/** Which upgrade of a deployment: the first is 1. */
const RolloutNumber = z.int().min(1);

/**
 * A deployment is a standing wish to have `count` workloads of one entrypoint in one pod. Its history lives at
 * `eru.deployment.<pod>.<id>`; counts are absolute, so a repeated command changes nothing.
 */
export const DeploymentEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("DeploymentRequested"),
    deployment: DeploymentId,
    pod: PodName,
    template: Template,
    count: Count,
    resources: Resources,
    strategy: Strategy,
    /**
     * Most workloads of this entrypoint on one node, old ones included; 0 is no limit. With `fill` and `each` the number of
     * nodes that have a set; 0 is every node that fits.
     */
    nodesLimit: z.int().min(0).max(countMax),
    filter: NodeFilter,
    /** What to do with workloads that fit nowhere now: keep them waiting for room, or refuse them. */
    onShortage: z.enum(["wait", "refuse"]),
    ...Turn.shape,
  }),
  z.strictObject({ type: z.literal("ScaleRequested"), deployment: DeploymentId, count: Count }),
  /** Replace every workload by the template's. The upgrades of a deployment are its rollouts, numbered from 1. */
  z.strictObject({
    type: z.literal("UpgradeRequested"),
    deployment: DeploymentId,
    template: Template,
    /** What each workload books from now on. Absent: what it did before. */
    resources: Resources.optional(),
    ...RolloutSettings.shape,
    /** The rollout that it undoes, when it was asked for as that. */
    undoes: RolloutNumber.optional(),
  }),
  /** Words about a rollout that is under way. One about a rollout that is over changes nothing. */
  z.strictObject({
    type: z.literal("RolloutPauseRequested"),
    deployment: DeploymentId,
    rollout: RolloutNumber,
  }),
  /** Go on: after a pause, or once more after a failure that halted it. */
  z.strictObject({
    type: z.literal("RolloutResumeRequested"),
    deployment: DeploymentId,
    rollout: RolloutNumber,
  }),
  /** Go back to what ran before, in the same order and steps. */
  z.strictObject({
    type: z.literal("RolloutAbortRequested"),
    deployment: DeploymentId,
    rollout: RolloutNumber,
  }),
  /** The canary is good: replace the rest. */
  z.strictObject({
    type: z.literal("RolloutPromoteRequested"),
    deployment: DeploymentId,
    rollout: RolloutNumber,
  }),
  /** It stands otherwise to those that want the same room: all of it anew, what is absent included. */
  z.strictObject({ type: z.literal("TurnRequested"), deployment: DeploymentId, ...Turn.shape }),
  z.strictObject({ type: z.literal("RemovalRequested"), deployment: DeploymentId }),
  /** Something is asked of one workload alone; the count stays. */
  z.strictObject({
    type: z.literal("WorkloadChangeRequested"),
    deployment: DeploymentId,
    workload: WorkloadId,
    change: WorkloadChange,
    /** Hooks run, but their failures do not count. */
    ignoreHooks: z.boolean().optional(),
    /** Of a replacement: what it takes over. */
    inherit: Inherit.optional(),
  }),
  /** Other amounts for one workload while it runs. What is absent stays. */
  z.strictObject({
    type: z.literal("WorkloadReallocRequested"),
    deployment: DeploymentId,
    workload: WorkloadId,
    amounts: ReallocAmounts,
  }),
  DissociationRequested,
  AdoptionRequested,
  /** Other amounts for all workloads of the deployment while they run, and for those to come. */
  z.strictObject({ type: z.literal("ReallocRequested"), deployment: DeploymentId, resources: Resources }),
]);
export type DeploymentEvent = z.infer<typeof DeploymentEvent>;
