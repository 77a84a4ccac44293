import { z } from "zod";

/** So many of each kind a load balancer lists; the totals beside them count all. */
export const elbStatusListMax = 20;
/** Characters of a reason that is listed. */
export const elbStatusReasonMax = 200;

const total = z.int().min(0);
const listed = <T extends z.ZodType>(item: T) => z.array(item).max(elbStatusListMax);

/** How a staged route does in a load balancer that has it; requests are counted since the table is in force there. */
export const ElbStage = z.object({
  host: z.string(),
  stage: z.string(),
  applied: z.boolean(),
  /** Why its engine does not take it. */
  refused: z.string().optional(),
  requests: total,
  /** Answers of 500 and above. */
  failures: total,
  /** The same from before, since the engine started. */
  requestsBefore: total,
  failuresBefore: total,
  forMs: total,
});
export type ElbStage = z.infer<typeof ElbStage>;

/**
 * What a load balancer says of itself with each heartbeat. Never stored: what changed for good is in the log. What a newer
 * one adds is not read.
 */
export const ElbStatus = z.object({
  /** The log its table was made from. */
  epoch: z.string(),
  /** The newest message of the log it has read. */
  seenSeq: total,
  /** It has read what its engine cannot take, for want of memory: the table in force stays. */
  stale: z.boolean(),
  /** It was told to end or to leave, and waits until nobody sends to it any more. */
  leaving: z.boolean(),
  /** Changes of its table since its engine started. */
  token: total,
  /** Processes of its engine; one that is exiting finishes what it has and acknowledges nothing. */
  workers: listed(z.object({ pid: z.int(), ackedToken: z.int(), exiting: z.boolean() })),
  workersTotal: total,
  /** Endpoints that were taken out and may have requests under way. */
  drains: listed(z.object({ workload: z.string(), inFlight: total, sinceMs: total, deadlineMs: total })),
  drainsTotal: total,
  /** Lines of the table its engine refuses. */
  rejected: listed(z.object({ key: z.string(), reason: z.string() })),
  rejectedTotal: total,
  /** Endpoints it leaves out by its own judgement. */
  leftOut: listed(
    z.object({ endpoint: z.string(), address: z.string(), because: z.enum(["failures", "check"]) }),
  ),
  leftOutTotal: total,
});
export type ElbStatus = z.infer<typeof ElbStatus>;
