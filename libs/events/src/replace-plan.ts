import { z } from "zod";
import { Inherit, InheritedFile } from "./inherit.ts";
import { NodeName, WorkloadId } from "./names.ts";

/** A dry run of a replacement, on the subject of the other ones. */
export const ReplacePlanRequest = z.strictObject({ replace: WorkloadId, inherit: Inherit.optional() });
export type ReplacePlanRequest = z.infer<typeof ReplacePlanRequest>;

/** How a workload would be replaced as things are now. */
export const ReplacePlanReply = z.strictObject({
  atSeq: z.int(),
  workload: WorkloadId,
  /** The new container is on the node of the old one. */
  node: NodeName,
  release: z.string(),
  /** Beside: a workload of its own, the old one goes when that serves. In place: the old container is stopped first. */
  how: z.enum(["beside", "in_place", "refused"]),
  /** Why it would be refused. */
  refused: z.string().optional(),
  /** What it would wait for before it begins. */
  waits: z.string().optional(),
  /** Why the old container has to be stopped first. */
  inPlace: z.string().optional(),
  /** What it may cost requests; empty when nothing is known that would. */
  risk: z.string(),
  /** What would go over to the new container. */
  inherits: z.strictObject({
    copy: z.array(InheritedFile),
    /** Where the volumes of the workload's own are in it. */
    volumes: z.array(z.string()),
    network: z.boolean(),
  }),
});
export type ReplacePlanReply = z.infer<typeof ReplacePlanReply>;
