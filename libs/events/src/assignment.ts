import { z } from "zod";
import { Template } from "./deployment.ts";
import { WorkloadReleaseAssigned } from "./dissociation.ts";
import { TakesOver } from "./inherit.ts";
import { DeploymentId, NodeName, PodName, WorkloadId } from "./names.ts";
import { CoreId, Granted, Resources } from "./resources.ts";

/** Orders to one node, at a generation that only grows per workload. An agent ignores what is not newer. */
export const AssignmentEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("WorkloadAssigned"),
    node: NodeName,
    pod: PodName,
    workload: WorkloadId,
    deployment: DeploymentId,
    generation: z.int().min(1),
    template: Template,
    resources: Resources,
    /** Which parts of the node it gets: nothing is left to choose. */
    granted: Granted.optional(),
    /**
     * What becomes of the workload's container, when it has one: it shall run, begin anew after this order, or be stopped
     * and kept. `adopted`: the one that was let go of is taken back; when there is none, none is made. Absent: a new
     * container takes its place.
     */
    keep: z.enum(["running", "restarted", "stopped", "adopted"]).optional(),
    /** Only when a new container is made: what it takes over from another. Absent: nothing, and no other is kept. */
    takesOver: TakesOver.optional(),
    /** Failures of hooks do not count. */
    ignoreHooks: z.boolean().optional(),
    /** The reallocation that its resources are of; absent: it was never reallocated. */
    revision: z.int().min(1).optional(),
  }),
  /** Other resources for the workload's container as it is. The newest revision counts, whatever the generation. */
  z.strictObject({
    type: z.literal("WorkloadReallocAssigned"),
    node: NodeName,
    workload: WorkloadId,
    revision: z.int().min(1),
    resources: Resources,
    /** The parts of the node it has from now on. Absent: those of before. */
    granted: Granted.optional(),
  }),
  z.strictObject({
    type: z.literal("WorkloadStopAssigned"),
    node: NodeName,
    workload: WorkloadId,
    generation: z.int().min(1),
    /** Seconds between SIGTERM and SIGKILL. */
    graceSeconds: z.int().min(0),
  }),
  WorkloadReleaseAssigned,
  /** The cores for all workloads of the node that are not bound; none: every core. The newest generation counts. */
  z.strictObject({
    type: z.literal("SharedCoresAssigned"),
    node: NodeName,
    generation: z.int().min(1),
    cores: z.array(CoreId),
  }),
]);
export type AssignmentEvent = z.infer<typeof AssignmentEvent>;

/** An order about one workload's container: whether it shall be there, and how. */
export type WorkloadOrder = Extract<
  AssignmentEvent,
  { type: "WorkloadAssigned" | "WorkloadStopAssigned" | "WorkloadReleaseAssigned" }
>;
