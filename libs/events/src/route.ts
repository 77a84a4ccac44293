import { z } from "zod";
import { AppName, ElbName, EntrypointName, HostName, PodName, WorkloadId } from "./names.ts";
import { Port } from "./spec.ts";

/** A rule of a host: requests below `pathPrefix` (at a segment border) go to the healthy workloads of an entrypoint. */
export const RouteRule = z.strictObject({
  pathPrefix: z.string().startsWith("/", "a path prefix begins with /").max(1_024).default("/"),
  app: AppName,
  entrypoint: EntrypointName,
  /** Only workloads in this pod; absent: in any. */
  pod: PodName.optional(),
  /** The published port to send to; absent: the entrypoint's first. */
  port: Port.optional(),
});
export type RouteRule = z.infer<typeof RouteRule>;

/** A route is everything declared for one host; declaring again replaces it. */
export const RouteEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("RouteDeclared"),
    host: HostName,
    rules: z
      .array(RouteRule)
      .min(1, "a route needs at least one rule")
      .max(2_000, "a route has at most 2000 rules")
      .refine(
        (rules) => new Set(rules.map((rule) => rule.pathPrefix)).size === rules.length,
        "two rules have the same pathPrefix",
      ),
  }),
  z.strictObject({ type: z.literal("RouteRemoved"), host: HostName }),
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
]);
export type ElbEvent = z.infer<typeof ElbEvent>;
