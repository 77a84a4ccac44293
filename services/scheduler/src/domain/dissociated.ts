import type { Cause, Granted, Resources } from "@eru/events";
import type { Content } from "./zone.ts";

/** What a user asks, not decided yet. */
export type Asked = { seq: number; cause: Cause };

/** A workload that left Eru with its container: everything that is needed to take it back. */
export type Dissociated = {
  readonly id: string;
  readonly node: string;
  /** The sequence of the fact: what was asked of all workloads after it has passed this one by. */
  readonly seq: number;
  /** Of the order to let go. */
  readonly generation: number;
  readonly template: Content["template"];
  readonly resources: Resources;
  readonly revision: number;
  readonly granted: Granted;
  /** Its node's agent says that nothing is left of it. */
  gone: boolean;
  /** A user wants it back. */
  asked: Asked | undefined;
};

/** A workload that its node shall take back, until that is answered. */
export type Adopting = {
  requestSeq: number;
  cause: Cause;
  /** Why the node could not. */
  failure: string | undefined;
};

/** Why nothing else can be done to a workload that leaves. */
export const leavingText = (workload: { going: { keeps?: true } | undefined }): string =>
  workload.going?.keeps
    ? "it is being dissociated: adopt it first"
    : "it is being removed: see what its deployment has instead";

/** The deployment of a workload: its id without the counter at the end. */
export const deploymentOf = (workload: string): string => workload.slice(0, workload.lastIndexOf("-"));
