import { z } from "zod";
import { DeploymentId, NodeName, WorkloadId } from "./names.ts";
import { Granted, Resources } from "./resources.ts";

// Dissociation: Eru forgets a container without stopping it. Adoption: it belongs to its deployment again. Everything
// that is said about the two, in whatever history.

const asked = { deployment: DeploymentId, workload: WorkloadId };
const decided = {
  ...asked,
  node: NodeName,
  /** The sequence of the request. */
  requestSeq: z.int().min(1),
};
/**
 * How many workloads the deployment shall have with it. Absent: as before. What users said after the request about its
 * count stays as they said it.
 */
const count = z.int().min(0).optional();
const observed = { node: NodeName, workload: WorkloadId, generation: z.int().min(1) };

/** A workload shall leave Eru, and its container run on. */
export const DissociationRequested = z.strictObject({
  type: z.literal("DissociationRequested"),
  ...asked,
  /** Another takes its place. Absent: the count goes down by one with it. */
  replace: z.boolean().optional(),
});

/** A dissociated workload shall belong to its deployment again; the count goes up by one with it. */
export const AdoptionRequested = z.strictObject({ type: z.literal("AdoptionRequested"), ...asked });

/** The workload leaves: its endpoint drains first when traffic may reach it. */
export const DissociationDecided = z.strictObject({
  type: z.literal("DissociationDecided"),
  ...decided,
  count,
  drain: z.boolean(),
  drainDeadlineMs: z.int().min(0),
  /** Why it is not without downtime; empty when it is. */
  risk: z.string(),
});

/** Its node was told to let go of it. */
export const ReleaseOrdered = z.strictObject({
  type: z.literal("ReleaseOrdered"),
  ...asked,
  node: NodeName,
  because: z.enum(["drained", "drain_deadline", "not_routed", "node_lost", "node_removed"]),
  inFlight: z.int().min(0).optional(),
});

/** It stays a workload; `detail` says why and what to do. */
export const DissociationRefused = z.strictObject({
  type: z.literal("DissociationRefused"),
  ...decided,
  detail: z.string(),
});

/** The workload is booked and belongs to its deployment again. Its node was told to take the container back. */
export const AdoptionDecided = z.strictObject({
  type: z.literal("AdoptionDecided"),
  ...decided,
  count,
  /** The sequence of the request whose template it runs from now on: the same as it ran before. */
  templateSeq: z.int().min(1),
  resources: Resources,
  granted: Granted.optional(),
  /** Of its order. */
  generation: z.int().min(1),
});

/**
 * It stays dissociated, or what its node should take back is not there; `detail` says why and what to do. `count`: of an
 * adoption that was decided, what the deployment shall have without it.
 */
export const AdoptionRefused = z.strictObject({
  type: z.literal("AdoptionRefused"),
  ...decided,
  count,
  detail: z.string(),
});

/** The order to let go: the container runs on, and is none of the agent's concern until another order says otherwise. */
export const WorkloadReleaseAssigned = z.strictObject({
  type: z.literal("WorkloadReleaseAssigned"),
  ...observed,
});

/** The agent has let go: its resources are free. */
export const ContainerReleased = z.strictObject({
  type: z.literal("ContainerReleased"),
  ...observed,
  /** Absent: there was no container to let go of. */
  containerId: z.string().optional(),
});

/** The agent has taken back what it had let go. One that does not run is started. */
export const ContainerAdopted = z.strictObject({
  type: z.literal("ContainerAdopted"),
  ...observed,
  containerId: z.string(),
  running: z.boolean(),
});

/** There is nothing that could be taken back. */
export const AdoptionFailed = z.strictObject({
  type: z.literal("AdoptionFailed"),
  ...observed,
  error: z.string(),
});
