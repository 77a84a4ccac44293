import type { HealthCheck } from "@eru/events";
import { probeAddress } from "./endpoints.ts";
import { type Entry, keptContainer } from "./entry.ts";
import { afterProbe, beginHealth, type ProbeResult, type Turn } from "./health.ts";
import { dueAfterStart } from "./hooks.ts";
import { stopDue } from "./keep.ts";
import type { WorkloadFact } from "./known.ts";

/** A question to a running workload: is it healthy? */
export type Probe = {
  workload: string;
  attempt: number;
  containerId: string;
  address: string | undefined;
  check: HealthCheck;
};

const checkOf = ({ order }: Entry): HealthCheck | undefined =>
  order?.kind === "run" ? order.assigned.template.entrypoint.healthcheck : undefined;

/** Begins anew with every start of a workload that has a health check, and ends with it. */
export function watchHealth(entry: Entry, nowMs: number): void {
  const { known, order } = entry;
  const kept = keptContainer(entry);
  const asked = checkOf(entry) !== undefined && kept?.state === "running";
  if (!asked || !known || order?.kind !== "run") entry.health = undefined;
  // Nothing may reach a workload before its after-start hook is over.
  else if (stopDue(order.assigned, known)) entry.health = undefined;
  else if (dueAfterStart(order.assigned, known, kept) || known.hookFault !== undefined)
    entry.health = undefined;
  else if (entry.health?.attempt !== known.attempt) {
    const status = known.phase === "healthy" || known.phase === "unhealthy" ? known.phase : "starting";
    entry.health = beginHealth(known.attempt, status, { sinceMs: known.sinceMs, nowMs });
  }
}

/** The probe that is due, if one is. */
export function dueProbe(entry: Entry, nowMs: number): Probe | undefined {
  const { health, order, workload } = entry;
  const check = checkOf(entry);
  const kept = keptContainer(entry);
  if (!health || entry.probing || health.nextMs > nowMs) return undefined;
  if (order?.kind !== "run" || !kept || !check) return undefined;
  const address = probeAddress(order.assigned, kept);
  return { workload, attempt: health.attempt, containerId: kept.id, address, check };
}

/** Counts an answer; the change when it made one. An answer about an earlier start counts for nothing. */
export function countProbe(entry: Entry, probe: Probe, result: ProbeResult, nowMs: number): Turn | undefined {
  if (entry.health?.attempt !== probe.attempt) return undefined;
  const { health, turn } = afterProbe(entry.health, probe.check, result, nowMs);
  entry.health = health;
  return turn;
}

/** A turn of health as a fact. */
export const turnFact = (
  turn: Turn,
  of: { node: string; workload: string; generation: number; attempt: number },
): WorkloadFact =>
  turn.to === "healthy"
    ? { type: "ContainerHealthy", ...of }
    : { type: "ContainerUnhealthy", ...of, reason: turn.reason };

/** No answer, or one that came while the engine was away: nothing is said about containers, ask again later. */
export function postponeProbe(entry: Entry, probe: Probe, nowMs: number): void {
  if (entry.health) entry.health = { ...entry.health, nextMs: nowMs + probe.check.intervalMs };
}

/** When something is due next: for others until now, or for this one. */
export const sooner = (
  others: number | undefined,
  { wakeAtMs, probing, health }: Entry,
  nowMs: number,
): number | undefined => {
  const due = [others, wakeAtMs, probing ? undefined : health?.nextMs];
  const ahead = due.filter((atMs) => atMs !== undefined && atMs > nowMs) as number[];
  return ahead.length > 0 ? Math.min(...ahead) : undefined;
};
