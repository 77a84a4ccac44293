import type { HealthCheck } from "@eru/events";

/** The first wait between two probes of a starting workload; it doubles up to the check's interval. */
const quickFirstMs = 50;

/** What is known about the health of one start of a workload. */
export type Health = {
  attempt: number;
  status: "starting" | "healthy" | "unhealthy";
  /** When the start period began. */
  sinceMs: number;
  /** Failures in the start period: they do not count, but space the probes. */
  early: number;
  okInRow: number;
  failedInRow: number;
  nextMs: number;
};

/** One probe's answer. The reason names what was asked and what came back. */
export type ProbeResult = { ok: true } | { ok: false; reason: string };

/** A change worth a fact. */
export type Turn = { to: "healthy" } | { to: "unhealthy"; reason: string };

/** The state before the first probe, which is due at once. */
export const beginHealth = (
  attempt: number,
  status: Health["status"],
  times: { sinceMs: number; nowMs: number },
): Health => ({
  attempt,
  status,
  sinceMs: times.sinceMs,
  early: 0,
  okInRow: 0,
  failedInRow: 0,
  nextMs: times.nowMs,
});

/** The state after a probe, and the change when it made one. */
export function afterProbe(
  health: Health,
  check: HealthCheck,
  result: ProbeResult,
  nowMs: number,
): { health: Health; turn?: Turn } {
  const later = { ...health, nextMs: nowMs + check.intervalMs };
  if (result.ok) {
    const okInRow = health.okInRow + 1;
    const counted: Health = { ...later, okInRow, failedInRow: 0 };
    if (health.status === "healthy" || okInRow < check.healthyAfter) return { health: counted };
    return { health: { ...counted, status: "healthy" }, turn: { to: "healthy" } };
  }
  if (inStartPeriod(health, check, nowMs)) {
    const waitMs = Math.min(check.intervalMs, quickFirstMs * 2 ** Math.min(health.early, 30));
    return { health: { ...health, early: health.early + 1, nextMs: nowMs + waitMs } };
  }
  const failedInRow = health.failedInRow + 1;
  const counted: Health = { ...later, okInRow: 0, failedInRow };
  if (health.status === "unhealthy" || failedInRow < check.unhealthyAfter) return { health: counted };
  return { health: { ...counted, status: "unhealthy" }, turn: { to: "unhealthy", reason: result.reason } };
}

/** The first success ends the start period, also one that does not yet suffice for healthy. */
const inStartPeriod = (health: Health, check: HealthCheck, nowMs: number): boolean =>
  health.status === "starting" && health.okInRow === 0 && health.failedInRow === 0
    ? nowMs - health.sinceMs < check.startPeriodMs
    : false;
