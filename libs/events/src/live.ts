import { z } from "zod";
import { Reasons } from "./decision.ts";
import { NodeFilter, Strategy, Template } from "./deployment.ts";
import { ElbStage, ElbStatus, elbStatusListMax } from "./elb-status.ts";
import { DeploymentId, ElbName, NodeName, PodName, ReleaseName, WorkloadId } from "./names.ts";
import { Preemption } from "./preempt.ts";
import { Resources } from "./resources.ts";
import { DowntimeRisk, RolloutSettings } from "./rollout.ts";
import { ElbGroup } from "./rule.ts";
import { Priority } from "./turn.ts";

// Messages on core NATS: never stored, lost without harm.

/** Once a second from every agent. What a newer sender adds is not read. */
export const NodeHeartbeat = z.object({
  node: NodeName,
  bootId: z.string(),
  engineReachable: z.boolean(),
});
export type NodeHeartbeat = z.infer<typeof NodeHeartbeat>;

/**
 * Once a second from every router-sync whose load balancer serves. What a newer sender adds is not read, instead of making a
 * load balancer look dead: parts are replaced one after the other.
 */
export const ElbHeartbeat = z.object({
  elb: ElbName,
  bootId: z.string(),
  appliedSeq: z.int(),
  group: ElbGroup.optional(),
  status: ElbStatus.optional(),
  /** Staged routes that it has; more are not listed. */
  stages: z.array(ElbStage).max(elbStatusListMax).optional(),
  /** It was told to leave, and has: it follows the log and serves who still comes, but nobody needs to wait for it. */
  left: z.literal(true).optional(),
  /** The last one: it has ended in order and serves nobody, so nobody needs to wait until it is missed. */
  gone: z.literal(true).optional(),
});
export type ElbHeartbeat = z.infer<typeof ElbHeartbeat>;

/** A dry run: the deployment as it would be requested. */
export const PlanRequest = z.strictObject({
  deployment: DeploymentId,
  pod: PodName,
  template: Template,
  count: z.int().min(0),
  resources: Resources,
  strategy: Strategy,
  nodesLimit: z.int().min(0),
  filter: NodeFilter,
  priority: Priority.optional(),
  preempt: z.boolean().optional(),
});
export type PlanRequest = z.infer<typeof PlanRequest>;

/** What the scheduler would decide now, by the very function that decides. */
export const PlanReply = z.strictObject({
  atSeq: z.int(),
  placed: z.array(z.strictObject({ node: NodeName, count: z.int().min(1) })),
  waiting: z.int().min(0),
  reasons: Reasons,
  /** Who would have to go so that some of those that wait get room; absent when nobody would. */
  preemption: Preemption.optional(),
  /** Why later changes of it may cost requests. */
  risks: z.array(DowntimeRisk).optional(),
  /** What was planned for, also where the request named none. */
  release: ReleaseName.optional(),
});
export type PlanReply = z.infer<typeof PlanReply>;

/** What a saved plan rests on: a command that carries it is refused when the same dry run would answer otherwise. */
export const PlanExpectation = PlanReply.pick({ atSeq: true, placed: true, waiting: true }).extend({
  /** Workloads that would be displaced; absent: none. */
  displaced: z.array(WorkloadId).optional(),
});
export type PlanExpectation = z.infer<typeof PlanExpectation>;

/** A dry run of an upgrade, on the same subject: the upgrade as it would be requested. */
export const UpgradePlanRequest = z.strictObject({
  upgrade: DeploymentId,
  template: Template,
  resources: Resources,
  ...RolloutSettings.shape,
});
export type UpgradePlanRequest = z.infer<typeof UpgradePlanRequest>;

/** What would be decided first, and how it would go on. */
export const UpgradePlanReply = z.strictObject({
  atSeq: z.int(),
  deployment: DeploymentId,
  /** Workloads that would be replaced. */
  workloads: z.int().min(0),
  /** How it would go about it, in words. */
  how: z.string(),
  /** What was planned for, also where the request named none. */
  release: ReleaseName.optional(),
  /** What would be replaced: the release, and the sequence of the request that asked for it. */
  from: z.strictObject({ release: ReleaseName, seq: z.int() }).optional(),
  /** The first new ones: where they would go, and how many of them would wait for room. */
  placed: z.array(z.strictObject({ node: NodeName, count: z.int().min(1) })),
  waiting: z.int().min(0),
  reasons: Reasons,
  /** Why it may cost requests; empty when nothing is known that would. */
  risks: z.array(DowntimeRisk),
});
export type UpgradePlanReply = z.infer<typeof UpgradePlanReply>;

/** What a saved plan of an upgrade rests on. */
export const UpgradePlanExpectation = UpgradePlanReply.pick({
  atSeq: true,
  workloads: true,
  how: true,
  from: true,
  placed: true,
  waiting: true,
  risks: true,
});
export type UpgradePlanExpectation = z.infer<typeof UpgradePlanExpectation>;

/** A dry run of a drain, on the same subject. */
export const DrainPlanRequest = z.strictObject({ drain: NodeName });
export type DrainPlanRequest = z.infer<typeof DrainPlanRequest>;

/** What a drain would move where as things are now, and what it could not move. */
export const DrainPlanReply = z.strictObject({
  atSeq: z.int(),
  node: NodeName,
  /** What the log says of the node's heartbeats; the workloads of a lost one are replaced without a drain. */
  liveness: z.enum(["unknown", "alive", "suspect", "lost"]),
  /** Deployments with workloads there; `deployments` holds the oldest of them. */
  deploymentsTotal: z.int().min(0),
  deployments: z.array(
    z.strictObject({
      deployment: DeploymentId,
      /** Workloads on the node. */
      workloads: z.int().min(1),
      placed: z.array(z.strictObject({ node: NodeName, count: z.int().min(1) })),
      /** How many of them fit nowhere else. */
      stuck: z.int().min(0),
      /** How many of them are not replaced elsewhere: they belong to the node. */
      dropped: z.int().min(1).optional(),
      reasons: Reasons,
      /** Why moving them may cost requests. */
      risks: z.array(DowntimeRisk).optional(),
    }),
  ),
});
export type DrainPlanReply = z.infer<typeof DrainPlanReply>;

/** What a saved plan of a drain rests on. */
export const DrainPlanExpectation = DrainPlanReply.pick({ atSeq: true, deploymentsTotal: true }).extend({
  deployments: z
    .array(DrainPlanReply.shape.deployments.element.omit({ reasons: true, risks: true }))
    .max(10_000),
});
export type DrainPlanExpectation = z.infer<typeof DrainPlanExpectation>;

/** The answer to a dry run that cannot be made: the request is not readable, or the scheduler is not caught up yet. */
export const PlanRefusal = z.strictObject({
  error: z.string(),
  /** What is asked about is not there, or not yet; absent: ask again later. */
  code: z.enum(["node_unknown", "deployment_unknown", "pod_unknown", "seq_unknown"]).optional(),
});
export type PlanRefusal = z.infer<typeof PlanRefusal>;

/** Lines of a route table, to be compiled and thrown away by the engine that would run them. */
export const ValidateRequest = z.strictObject({
  lines: z.array(z.strictObject({ key: z.string(), json: z.string() })).min(1),
});
export type ValidateRequest = z.infer<typeof ValidateRequest>;

/** What the engine says: it takes them all, or the first it does not take; `error` when it cannot be asked now. */
export const ValidateReply = z.union([
  z.strictObject({ elb: ElbName, ok: z.literal(true) }),
  z.strictObject({ elb: ElbName, ok: z.literal(false), key: z.string(), reason: z.string() }),
  z.strictObject({ elb: ElbName, error: z.string() }),
]);
export type ValidateReply = z.infer<typeof ValidateReply>;
