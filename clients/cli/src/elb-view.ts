import { z } from "zod";

const Status = z.looseObject({
  epoch: z.string(),
  seenSeq: z.int(),
  leaving: z.boolean(),
  token: z.int(),
  workers: z.array(z.looseObject({ pid: z.int(), ackedToken: z.int(), exiting: z.boolean() })),
  workersTotal: z.int(),
  drains: z.array(
    z.looseObject({ workload: z.string(), inFlight: z.int(), sinceMs: z.int(), deadlineMs: z.int() }),
  ),
  drainsTotal: z.int(),
  rejected: z.array(z.looseObject({ key: z.string(), reason: z.string() })),
  rejectedTotal: z.int(),
  leftOut: z.array(z.looseObject({ endpoint: z.string(), address: z.string(), because: z.string() })),
  leftOutTotal: z.int(),
});

/** A load balancer: what is on record of it, and what it said with its last heartbeat. */
export const Elb = z.looseObject({
  elb: z.string(),
  bootId: z.string().nullable(),
  appliedSeq: z.int(),
  appliedAt: z.string().nullable(),
  rejected: z.looseObject({ host: z.string(), reason: z.string(), time: z.string() }).nullable(),
  live: z.boolean(),
  heardAgoMs: z.int().nullable(),
  group: z.string().nullable(),
  lag: z.int().nullable(),
  stale: z.boolean(),
  leaveAt: z.string().nullable().optional(),
  leaveBy: z.string().nullable().optional(),
  left: z.boolean().optional(),
  status: Status.nullable(),
});
export type Elb = z.infer<typeof Elb>;
