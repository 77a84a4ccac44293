import { z } from "zod";

/** Most workloads of a step of a rollout. */
export const rolloutStepMax = 1_000;

/** How many workloads of the new content run before the rollout waits for a word: a number, or a part of the count. */
export const Canary = z.union([
  z.strictObject({ count: z.int("a canary is a whole number of workloads").min(1).max(rolloutStepMax) }),
  z.strictObject({ percent: z.int("a canary's percent is a whole number from 1 to 99").min(1).max(99) }),
]);
export type Canary = z.infer<typeof Canary>;

/** How an upgrade replaces workloads. What is absent is decided by the reader, as it was before there was a choice. */
export const RolloutSettings = z.strictObject({
  /** How many more than the count may run at once; 0 when the old go first. */
  surge: z.int("surge is a whole number").min(0).max(rolloutStepMax),
  /** How many are on their way to health at once. Absent: as `surge`. */
  batch: z.int("batch is a whole number").min(1).max(rolloutStepMax).optional(),
  /** Whether the new one serves before the old one goes, or the old one is gone before the new one starts. Absent: start-first. */
  order: z.enum(["start-first", "stop-first"]).optional(),
  /** Milliseconds a new workload may take until it is healthy. Absent: the scheduler's own. */
  healthDeadlineMs: z.int().min(1_000).max(86_400_000).optional(),
  /** When a new workload fails for good or is not healthy in time. Absent: halt. */
  onFailure: z.enum(["rollback", "halt"]).optional(),
  canary: Canary.optional(),
});
export type RolloutSettings = z.infer<typeof RolloutSettings>;

/** Of so many workloads, how many a canary is: at least one. */
export const canarySize = (canary: Canary, count: number): number =>
  "count" in canary ? canary.count : Math.max(1, Math.ceil((count * canary.percent) / 100));

/** Why a change may cost requests, as far as it can be known before. */
export const DowntimeRisk = z.strictObject({
  reason: z.enum(["no_health_check", "no_route", "no_elb", "stop_first", "host_network", "host_port"]),
  /** What it means, for people. */
  detail: z.string(),
});
export type DowntimeRisk = z.infer<typeof DowntimeRisk>;
