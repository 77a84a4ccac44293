import { z } from "zod";
import { ElbName } from "./names.ts";

/** What operators want of one load balancer. What it does about it, it says itself, with its heartbeats. */
export const BalancerEvent = z.discriminatedUnion("type", [
  /** It shall take no new clients and not be waited for any more, until it is told to join. */
  z.strictObject({ type: z.literal("ElbLeaveRequested"), elb: ElbName }),
  z.strictObject({ type: z.literal("ElbJoinRequested"), elb: ElbName }),
  /** It is gone for ever: nobody lists it. One of the same name that comes later is a new one. */
  z.strictObject({ type: z.literal("ElbForgotten"), elb: ElbName }),
]);
export type BalancerEvent = z.infer<typeof BalancerEvent>;
