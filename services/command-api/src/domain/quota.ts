import {
  accept,
  type Decider,
  type QuotaEvent,
  type QuotaLimits,
  type QuotaScope,
  refuse,
  unreachable,
} from "@eru/events";
import type { Refusal } from "./refusal.ts";
import { same } from "./same.ts";

/** A quota as its history tells it. */
export type Quota =
  | { phase: "absent" }
  | ({ phase: "present"; limits: QuotaLimits } & QuotaScope)
  | { phase: "removed" };

/** What may be asked of a quota, with what must be known about its neighbours. */
export type QuotaCommand =
  | ({
      type: "SetQuota";
      quota: string;
      limits: QuotaLimits;
      /** What its scope names and is not there. */
      missing: Refusal | undefined;
    } & QuotaScope)
  | { type: "RemoveQuota"; quota: string };

/** Setting is absolute, and accepted also below what is used: nothing is taken away, only growth is refused. */
export const quota: Decider<Quota, QuotaCommand, QuotaEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    switch (event.type) {
      case "QuotaSet": {
        const { type: _, quota: __, ...set } = event;
        return { phase: "present", ...set };
      }
      case "QuotaRemoved":
        return { phase: "removed" };
      case "QuotaCharged":
        return state;
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    const { quota } = command;
    switch (command.type) {
      case "SetQuota": {
        const { missing, limits, app, pod } = command;
        if (missing) return refuse(missing);
        if (state.phase === "present" && same(state.limits, limits)) return accept();
        const scope = { ...(app !== undefined && { app }), ...(pod !== undefined && { pod }) };
        return accept({ type: "QuotaSet", quota, ...scope, limits });
      }
      case "RemoveQuota":
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse({ code: "quota_unknown", quota });
        return accept({ type: "QuotaRemoved", quota });
      default:
        return unreachable(command);
    }
  },
};
