import type { Cause, Inherit, WorkloadChange } from "@eru/events";

/** What users ask of a single workload. */
export type AskedChange = {
  verb: WorkloadChange;
  ignoreHooks: boolean;
  inherit: Inherit | undefined;
  seq: number;
  cause: Cause;
};

/**
 * A change under way: until the endpoint has drained, then until the agent has carried out the order. A replacement may
 * instead wait until its successor serves.
 */
export type Change = {
  verb: WorkloadChange;
  ignoreHooks: boolean;
  inherit: Inherit | undefined;
  step: "draining" | "ordered" | "beside";
  requestSeq: number;
  deadlineMs: number;
  /** The workload that comes in its place. */
  successor: string | undefined;
  /** Its agent took it back, and why. */
  undone: string | undefined;
  cause: Cause;
};
