import type { Canary } from "@eru/events";
import type { Moment } from "./moment.ts";

/** An upgrade that is not completed. */
export type Rollout = {
  /** Which upgrade of the deployment. */
  readonly number: number;
  /** The sequence of its request. */
  readonly seq: number;
  readonly settings: {
    surge: number;
    batch: number;
    order: "start-first" | "stop-first";
    onFailure: "rollback" | "halt";
    /** Absent: the scheduler's own. */
    healthDeadlineMs?: number;
    canary?: Canary;
  };
  step: "requested" | "running" | "canary" | "halted";
  paused: boolean;
  /** The rest may be replaced, too. */
  promoted: boolean;
  /** It goes back to the stable version. */
  back: boolean;
  /** How many more than the count are kept while it is held; 0 once it was scaled meanwhile. */
  spare: number;
  /** Workloads up to this number failed before somebody said to try again. */
  excusedN: number;
  /** The word or step from which on health deadlines count. */
  since: Moment;
};
