import type { Cause } from "@eru/events";
import type { Moment } from "./moment.ts";

/** The drain of a node. While it is paused nothing is moved, and nothing new is placed there either. */
export type NodeDrain = {
  reason: string;
  cause: Cause;
  /** The request it was begun or resumed by: its deadline counts from there. */
  since: Moment;
  deadlineMs: number | undefined;
  paused: boolean;
};
