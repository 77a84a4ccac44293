import type { Draft } from "./draft.ts";
import { isRoutedNow, type Workload } from "./zone.ts";

/** Healthy, on a node that is alive, and known to every live load balancer when requests come through them. */
export function serves(draft: Draft, workload: Workload): boolean {
  if (workload.phase !== "healthy" || draft.livenessOf(workload.node) !== "alive") return false;
  if (!isRoutedNow(draft.zone, workload.deployment)) return true;
  const { elbs } = draft.signals;
  return elbs.size > 0 && elbs.values().every((appliedSeq) => appliedSeq >= workload.healthySeq);
}

/** The live load balancers and the table each has applied, as decisions record them: what `serves` was judged by. */
export const barrier = ({ signals }: Draft): { elb: string; appliedSeq: number }[] =>
  [...signals.elbs]
    .map(([elb, appliedSeq]) => ({ elb, appliedSeq }))
    .sort((a, b) => (a.elb < b.elb ? -1 : 1));
