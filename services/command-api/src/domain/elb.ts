import { accept, type BalancerEvent, type Decider, refuse, unreachable } from "@eru/events";
import { names, type Refusal } from "./refusal.ts";

/** A load balancer as the log tells it: it has spoken, and an operator may have told it to leave. */
export type Elb = { phase: "absent" } | { phase: "known"; leaving: boolean } | { phase: "removed" };

/** What may be asked of a load balancer, with what is heard of it and the others now. */
export type ElbCommand =
  | {
      type: "LeaveElb";
      elb: string;
      force: boolean;
      /** Its group, when it is alive and serves one. */
      group: string | undefined;
      /** Others of its group that are alive and shall serve. */
      others: readonly string[];
      /** Hosts that its group serves. */
      hosts: readonly string[];
    }
  | { type: "JoinElb"; elb: string }
  /** `live`: it was heard a moment ago. */
  | { type: "ForgetElb"; elb: string; live: boolean };

/** Told again it is as it was. */
export const elb: Decider<Elb, ElbCommand, BalancerEvent, Refusal> & {
  /** Also takes in that it spoke, of which the words do not matter. */
  evolve: (state: Elb, event: BalancerEvent | { type: "ElbHeard" }) => Elb;
} = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    switch (event.type) {
      case "ElbHeard":
        return state.phase === "known" ? state : { phase: "known", leaving: false };
      case "ElbLeaveRequested":
        return { phase: "known", leaving: true };
      case "ElbJoinRequested":
        return { phase: "known", leaving: false };
      case "ElbForgotten":
        return { phase: "removed" };
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    const { elb } = command;
    if (state.phase === "removed" && command.type === "ForgetElb") return accept();
    if (state.phase !== "known")
      return refuse({ code: "elb_unknown", elb, removed: state.phase === "removed" });
    switch (command.type) {
      case "LeaveElb": {
        const { force, group, others, hosts } = command;
        if (state.leaving) return accept();
        if (!force && group !== undefined && others.length === 0 && hosts.length > 0)
          return refuse({ code: "elb_last", elb, group, hosts: names(hosts) });
        return accept({ type: "ElbLeaveRequested", elb });
      }
      case "JoinElb":
        return state.leaving ? accept({ type: "ElbJoinRequested", elb }) : accept();
      case "ForgetElb":
        return command.live ? refuse({ code: "elb_alive", elb }) : accept({ type: "ElbForgotten", elb });
      default:
        return unreachable(command);
    }
  },
};
