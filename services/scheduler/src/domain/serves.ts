import { carries, isRoutedNow } from "./carriers.ts";
import type { Draft } from "./draft.ts";
import type { Workload } from "./zone.ts";

/** Healthy, on a node that is alive, and known to every live load balancer that requests come through. */
export function serves(draft: Draft, workload: Workload): boolean {
  if (workload.phase !== "healthy" || draft.livenessOf(workload.node) !== "alive") return false;
  if (!isRoutedNow(draft.zone, workload.deployment)) return true;
  const { deployment, placedSeq } = workload;
  const live = [...draft.signals.elbs].filter(([elb]) => carries(draft.zone, elb, deployment, placedSeq));
  return live.length > 0 && live.every(([, appliedSeq]) => appliedSeq >= workload.healthySeq);
}

/** The live load balancers and the table each has applied, as decisions record them: what `serves` was judged by. */
export const barrier = ({ signals }: Draft): { elb: string; appliedSeq: number }[] =>
  [...signals.elbs]
    .map(([elb, appliedSeq]) => ({ elb, appliedSeq }))
    .sort((a, b) => (a.elb < b.elb ? -1 : 1));
