import { z } from "zod";
import { EntrypointName, HostName } from "./names.ts";
import { RouteContent } from "./route.ts";
import { Rule, ruleLimits } from "./rule.ts";
import { Port } from "./spec.ts";

const { tls, groups, slowStartMs, check } = RouteContent.shape;

/** Which hosts and paths go to one entrypoint. */
export const ElbEntry = z.strictObject({
  hosts: z.array(HostName).min(1, "name at least one host").max(32),
  /** Path prefixes, at segment borders. */
  paths: z
    .array(z.string().startsWith("/", "a path begins with /").max(1_024))
    .min(1, "without paths leave it out: then it is /")
    .max(64)
    .default(["/"]),
  /** The published port to send to; absent: the entrypoint's first. */
  port: Port.optional(),
  /** More rules of the same hosts. */
  rules: z.array(Rule).max(ruleLimits.rulesMax).default([]),
  tls,
  groups,
  slowStartMs,
  check,
});
export type ElbEntry = z.infer<typeof ElbEntry>;

/** The `elb` section of an `app.yaml`: the traffic of each entrypoint that has any. */
export const ElbSection = z.record(EntrypointName, ElbEntry);
export type ElbSection = z.infer<typeof ElbSection>;
