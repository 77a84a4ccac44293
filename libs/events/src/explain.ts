import { z } from "zod";
import { ElbName } from "./names.ts";

/** A request as rules look at it, in text: docs/elb-table.md. */
export const ExplainQuestion = z.strictObject({
  /** Lower case, without port. */
  host: z.string().max(253),
  method: z.string().max(32),
  scheme: z.enum(["http", "https"]),
  port: z.int().min(1).max(65_535),
  /** Normalised as nginx does. */
  path: z.string().max(16_384),
  /** As in the request line, without `?`. */
  query: z.string().max(16_384),
  /** Names in lower case. */
  headers: z.record(z.string().max(256), z.string().max(16_384)),
  source: z.string().max(64),
});
export type ExplainQuestion = z.infer<typeof ExplainQuestion>;

/** An endpoint of a pool; only active ones (`a`) get requests. */
const ExplainedEndpoint = z.object({
  id: z.string(),
  ip: z.string(),
  port: z.int(),
  w: z.number(),
  s: z.enum(["a", "d"]),
  release: z.string().optional(),
});

/** A pool that requests go to, with the part of them that does. */
const ExplainedBackend = z.object({
  pool: z.string(),
  share: z.number(),
  release: z.string().optional(),
  track: z.string().optional(),
  endpoints: z.array(ExplainedEndpoint),
});
export type ExplainedBackend = z.infer<typeof ExplainedBackend>;

/** What happens to a part of the requests that are alike. */
const Outcome = z.object({
  rule: z.string(),
  /** The part, above 0 and at most 1. */
  share: z.number(),
  action: z.enum(["forward", "redirect", "respond"]),
  backends: z.array(ExplainedBackend).optional(),
  /** The backends are the fallback, because no other has an endpoint. */
  fallback: z.boolean().optional(),
  status: z.int().optional(),
  location: z.string().optional(),
});
export type Outcome = z.infer<typeof Outcome>;

/** Where a request goes and why, by a load balancer or by `@eru/routing`. */
export const Explanation = z.object({
  /** The host in the table. */
  route: z.string().optional(),
  /** One; several when chance decides between rules; none when no rule matches. */
  outcomes: z.array(Outcome),
  /** Rules tried before that did not match: of each alternative a condition that does not hold, as a path into the match. */
  skipped: z.array(z.object({ rule: z.string(), because: z.array(z.string()) })),
  /** Why nothing good becomes of it, or of a part of it. */
  reason: z.enum(["no_such_host", "no_such_path", "no_such_pool", "no_endpoint"]).optional(),
});
export type Explanation = z.infer<typeof Explanation>;

/** Rules that an explanation lists as not matching. */
export const skippedRulesMax = 100;

/** What a load balancer answers to a question: by which table, and what. */
export const ExplainReply = z.union([
  z.strictObject({ elb: ElbName, appliedSeq: z.int(), explanation: Explanation }),
  z.strictObject({ error: z.string() }),
]);
export type ExplainReply = z.infer<typeof ExplainReply>;
