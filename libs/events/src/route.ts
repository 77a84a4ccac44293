import { z } from "zod";
import { AppName, ElbName, EntrypointName, HostName, PodName, ReleaseName, WorkloadId } from "./names.ts";
import { ElbGroup, RouteTls, Rule, ruleLimits } from "./rule.ts";
import { expandShortRules } from "./short-rule.ts";
import { Port } from "./spec.ts";

/** The short form of a rule: requests below `pathPrefix` (at a segment border) go to what serves of an entrypoint. */
export const ShortRule = z.strictObject({
  pathPrefix: z.string().startsWith("/", "a path prefix begins with /").max(1_024).default("/"),
  app: AppName,
  entrypoint: EntrypointName,
  /** Only workloads in this pod; absent: in any. */
  pod: PodName.optional(),
  /** The published port to send to; absent: the entrypoint's first. */
  port: Port.optional(),
  /** Only workloads of this release; absent: of any. */
  release: ReleaseName.optional(),
});
export type ShortRule = z.infer<typeof ShortRule>;

/** The rules that short forms mean. Two with the same prefix get the same id, which no route takes. */
export const rulesFrom = (shorts: readonly z.input<typeof ShortRule>[]): Rule[] =>
  expandShortRules(shorts.map((short) => ShortRule.parse(short))).map((rule) => Rule.parse(rule));

const Ms = (most: number) => z.int().min(1).max(most);

/** How load balancers themselves look after the endpoints of a route, besides the agents' health checks. */
export const EndpointCheck = z.strictObject({
  /** Asked by GET; the status must be one of `codes`. */
  path: z.string().startsWith("/", "a check's path begins with /").max(1_024),
  codes: z.array(z.int().min(100).max(599)).min(1).max(32).default([200]),
  intervalMs: Ms(3_600_000).default(5_000),
  timeoutMs: Ms(60_000).default(1_000),
  unhealthyAfter: z.int().min(1).max(100).default(3),
  healthyAfter: z.int().min(1).max(100).default(1),
});
export type EndpointCheck = z.infer<typeof EndpointCheck>;

const RouteRules = z
  .array(Rule)
  .min(1, "a route needs at least one rule")
  .max(ruleLimits.rulesMax, `a route has at most ${ruleLimits.rulesMax} rules`)
  .refine((rules) => new Set(rules.map(({ id }) => id)).size === rules.length, "two rules have the same id");

/** Everything declared for one host besides its name. */
export const RouteContent = z.strictObject({
  /** Who owns the host: no other app may declare it. Absent: nobody, as of routes that are no app's. */
  app: AppName.optional(),
  rules: RouteRules,
  tls: RouteTls.optional(),
  /** The groups of load balancers that serve it; absent: all. */
  groups: z
    .array(ElbGroup)
    .min(1, "without groups leave it out: then all load balancers serve the host")
    .max(32)
    .refine((groups) => new Set(groups).size === groups.length, "a group is named twice")
    .optional(),
  /** Milliseconds over which a new endpoint gets its full share. */
  slowStartMs: Ms(3_600_000).optional(),
  /** Of the endpoints its rules forward to. */
  check: EndpointCheck.optional(),
});
export type RouteContent = z.infer<typeof RouteContent>;

/** A day: whoever stages a change looks at it sooner. */
export const promoteAfterMsMax = 86_400_000;

/** A change of a route that some load balancers get before the others. */
export const RouteStage = z.strictObject({
  /** Names it for good. */
  stage: z.string().min(1).max(128),
  /** Those that route by it; all others go on as before. */
  elbs: z
    .array(ElbName)
    .min(1)
    .max(32)
    .refine((elbs) => new Set(elbs).size === elbs.length, "a load balancer is named twice"),
  /** Milliseconds after which it becomes everybody's, if all is well; absent: when somebody says so. */
  promoteAfterMs: z.int().min(1_000).max(promoteAfterMsMax).optional(),
  /** Percent of the host's answers that may be 5xx beyond what was before. */
  failuresMaxPercent: z.number().min(0).max(100).optional(),
});
export type RouteStage = z.infer<typeof RouteStage>;

/** A route is everything declared for one host; declaring again replaces it. */
export const RouteEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("RouteDeclared"),
    host: HostName,
    ...RouteContent.shape,
    /** The release of `app` whose `elb` section this is; such a route follows the app's deployments. */
    section: ReleaseName.optional(),
    /** An undo: the sequence of the declaration that this one repeats. */
    restores: z.int().min(1).optional(),
  }),
  z.strictObject({ type: z.literal("RouteRemoved"), host: HostName }),
  /** Some load balancers route by `content`, until it ends; the others by what is declared. One at a time for a host. */
  z.strictObject({
    type: z.literal("RouteStaged"),
    host: HostName,
    ...RouteStage.shape,
    content: RouteContent,
  }),
  /** They route by what is declared again. What was promoted is declared in the same message. */
  z.strictObject({
    type: z.literal("RouteStageEnded"),
    host: HostName,
    stage: z.string(),
    because: z.enum(["promoted", "aborted", "failed"]),
    detail: z.string(),
  }),
]);
export type RouteEvent = z.infer<typeof RouteEvent>;

/** What one load balancer did with the route table. The table at a sequence is a pure function of the log up to it. */
export const ElbEvent = z.discriminatedUnion("type", [
  /** Every request routed after this uses the table as of `appliedSeq`, in all workers. */
  z.strictObject({
    type: z.literal("RouteTableApplied"),
    elb: ElbName,
    /** Changes with every start of the load balancer. */
    bootId: z.string(),
    appliedSeq: z.int().min(0),
    changedPools: z.int().min(0),
    changedHosts: z.int().min(0),
    /** Whose routes its table has; absent: it may have those of any group. */
    group: ElbGroup.optional(),
  }),
  /** No worker will choose the endpoint again and none has a request in flight to it; or the deadline came first. */
  z.strictObject({
    type: z.literal("EndpointDrained"),
    elb: ElbName,
    workload: WorkloadId,
    /** Requests still in flight: above zero only at the deadline. */
    inFlight: z.int().min(0),
  }),
  /** The engine refused a line of the table; the table before stays. */
  z.strictObject({ type: z.literal("RouteRejected"), elb: ElbName, host: HostName, reason: z.string() }),
  /** A load balancer that got a change before the others says whether it may become everybody's. */
  z.strictObject({
    type: z.literal("RouteStageJudged"),
    elb: ElbName,
    host: HostName,
    stage: z.string(),
    passed: z.boolean(),
    /** What it saw. */
    detail: z.string(),
  }),
]);
export type ElbEvent = z.infer<typeof ElbEvent>;
