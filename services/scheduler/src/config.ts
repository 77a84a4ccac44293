import { serviceConfig } from "@eru/service";
import { z } from "zod";

/** What the scheduler reads from its environment. */
export const schedulerConfig = {
  ...serviceConfig,
  /** How many servers keep the log. */
  ERU_STREAM_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1)),
  /** Milliseconds until a draining workload is stopped although not every load balancer has let go of it. */
  SCHEDULER_DRAIN_DEADLINE_MS: z.coerce.number().int().min(0).max(86_400_000).default(30_000),
  /** Milliseconds an upgrade may make no progress while its new workloads run, before it is halted. */
  SCHEDULER_PROGRESS_DEADLINE_MS: z.coerce.number().int().min(1_000).max(86_400_000).default(300_000),
  /** Where snapshots of the zone are kept; absent: none are, and every start reads the whole log. */
  SCHEDULER_SNAPSHOT_DIR: z.string().min(1).optional(),
  /** Messages after which a snapshot is made anew. */
  SCHEDULER_SNAPSHOT_MESSAGES: z.coerce.number().int().min(1).max(100_000_000).default(50_000),
} as const;
