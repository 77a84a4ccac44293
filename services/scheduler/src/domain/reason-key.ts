import type { Reasons } from "@eru/events";

/** True when the reasons say that something did not fit. Without it the rest of a large request is only not decided yet. */
export const isShort = (reasons: Reasons): boolean => reasons.wouldHelp.length > 0;

/**
 * What makes two reasons for waiting the same: how many wait, and which filters stand in the way. Amounts and numbers of
 * nodes are left out: they change with every workload placed next door and would be recorded each time.
 */
export const deferralKey = (waiting: number, reasons: Reasons): string =>
  `${waiting}:${Object.keys(reasons.rejectedTotals).sort().join(",")}`;
