import { type EruEvent, priorityDefault, type QuotaEvent, unreachable } from "@eru/events";

/** What an event about a quota says. */
export function ofQuota(event: QuotaEvent): string {
  switch (event.type) {
    case "QuotaSet": {
      const limits = Object.entries(event.limits).map(([kind, most]) => `at most ${most} ${kind}`);
      return `quota ${event.quota} set: ${limits.join(", ")}`;
    }
    case "QuotaRemoved":
      return `quota ${event.quota} removed`;
    case "QuotaCharged":
      return `${event.deployment} is within quota ${event.quota}`;
    default:
      return unreachable(event);
  }
}

/** What a change of turn says. */
export function ofTurn(event: Extract<EruEvent, { type: "TurnRequested" }>): string {
  const { deployment, priority = priorityDefault, waitDeadlineMs: most, preempt } = event;
  return `${deployment}: priority ${priority} wanted${most === undefined ? "" : `, waits at most ${Math.round(most / 100) / 10} s`}${preempt ? ", may displace others" : ""}`;
}
