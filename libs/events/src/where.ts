import { z } from "zod";
import { Constraint } from "./constraint.ts";
import { AppName, EntrypointName } from "./names.ts";
import { LabelName, LabelValue } from "./node.ts";

/** Labels whose name begins so are taints: they keep workloads away that do not tolerate them. */
export const taintPrefix = "taint/";

/** What follows `taint/` in the name of a label. */
export const TaintName = z
  .string()
  .max(120)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, "a taint's name is what follows taint/ in the label");

const Weight = z
  .int("a weight is a whole number")
  .min(1, "a weight is 1 or more")
  .max(100, "a weight is at most 100");

/** Workloads of other entrypoints that a node shall have, or shall not have. */
export const Affinity = z.strictObject({
  /** Those of an app, or of one of its entrypoints; the deployment's own entrypoint never counts. */
  to: z.strictObject({ app: AppName, entrypoint: EntrypointName.optional() }),
  /** `must` and `must_not` decide which nodes may be chosen, `prefer` and `avoid` which of them come first. */
  rule: z.enum(["must", "must_not", "prefer", "avoid"]),
  /** Not the node itself, but any node with the same value of this label; a node without it stands for itself. */
  over: LabelName.optional(),
  /** Of `prefer` and `avoid`, against other preferences; 1 when absent. */
  weight: Weight.optional(),
});
export type Affinity = z.infer<typeof Affinity>;

/** A condition on a label that a node need not meet: those that do come first. */
export const Preference = z.strictObject({ constraint: Constraint, weight: Weight.optional() });
export type Preference = z.infer<typeof Preference>;

/** Shares out over the values of a label: evenly over those there are, or by weight over those that are named. */
export const Spread = z.strictObject({
  label: LabelName,
  targets: z
    .array(z.strictObject({ value: LabelValue, weight: Weight }))
    .min(1, "name at least one value, or leave the targets out")
    .max(64)
    .refine((all) => new Set(all.map(({ value }) => value)).size === all.length, "a value is named twice")
    .optional(),
});
export type Spread = z.infer<typeof Spread>;

/** The most entries of each list of a filter. */
export const whereMax = 32;
