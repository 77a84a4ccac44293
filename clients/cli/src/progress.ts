import type { Deployment, Workload } from "./views.ts";

/** What is waited for: that all wanted workloads are healthy and none is left over, or that nothing is left. */
export type Goal = "running" | "removed";

/** A deployment and its workloads as they are now. */
export type Snapshot = { deployment: Deployment; workloads: readonly Workload[] };

/** How it stands with the goal. `failed` is final: more waiting cannot help. */
export type Verdict = { is: "reached" } | { is: "going" } | { is: "failed"; why: string };

/** Whether the goal is reached, or cannot be any more. */
export function judge({ deployment }: Snapshot, goal: Goal): Verdict {
  const { state, reason, counts } = deployment;
  const { wanted, placed, leaving, refused } = counts;
  if (goal === "removed") return state === "removed" ? { is: "reached" } : { is: "going" };
  const because = reason ? `: ${reason}` : "";
  switch (state) {
    case "running":
      // Scaled down or upgraded: what is too much has to go first.
      return placed === wanted && leaving === 0 ? { is: "reached" } : { is: "going" };
    case "refused":
      return { is: "failed", why: `${refused} of ${wanted} workloads were refused${because}` };
    case "halted":
      return { is: "failed", why: `it is halted${because}` };
    case "removing":
    case "removed":
      return { is: "failed", why: "it is being removed" };
    default:
      return { is: "going" };
  }
}

/** How far it is, in numbers: `3 wanted: 1 healthy, 1 starting, 1 waiting for room`. */
export function summary({ deployment }: Snapshot): string {
  const { wanted, waiting, refused, placed, healthy, failed, leaving } = deployment.counts;
  const parts = [
    [healthy, "healthy"],
    [placed - healthy - failed, "starting"],
    [failed, "failed"],
    [waiting, "waiting for room"],
    [refused, "refused"],
    [leaving, "leaving"],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `${wanted} wanted: ${shown.length > 0 ? shown.join(", ") : "none there"}`;
}

/** Why a deployment is not as wished, unless one of these workloads says the same in its own words. */
export function ownReason({ deployment, workloads }: Snapshot): string | undefined {
  const { reason, state } = deployment;
  if (reason === null || state === "removing") return undefined;
  return workloads.some(({ workload }) => reason.startsWith(`${workload} `)) ? undefined : reason;
}

/** What is worth a line of its own since the last look: reasons and errors, each once. */
export function news(before: Snapshot | undefined, now: Snapshot): string[] {
  const reason = ownReason(now);
  const lines = reason !== undefined && reason !== before?.deployment.reason ? [reason] : [];
  const known = new Map(before?.workloads.map(({ workload, lastError }) => [workload, lastError]));
  for (const { workload, node, lastError } of now.workloads)
    if (lastError !== null && known.get(workload) !== lastError)
      lines.push(`${workload} on ${node}: ${lastError}`);
  return lines;
}
