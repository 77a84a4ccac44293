import type { Deployment, Rollout, Workload } from "./views.ts";

/**
 * What is waited for: that all wanted workloads are healthy and none is left over, that nothing is left, or that the last
 * rollout came to its end (or waits at its canary), or went back.
 */
export type Goal = "running" | "removed" | "upgraded" | "rolled_back";

/** A deployment, its workloads and, when a rollout is waited for, the last one, as they are now. */
export type Snapshot = { deployment: Deployment; workloads: readonly Workload[]; rollout?: Rollout };

/** How it stands with the goal. `failed` is final: more waiting cannot help. */
export type Verdict = { is: "reached"; note?: string } | { is: "going" } | { is: "failed"; why: string };

/** Whether the goal is reached, or cannot be any more. */
export function judge({ deployment, rollout }: Snapshot, goal: Goal): Verdict {
  if (rollout && (goal === "upgraded" || goal === "rolled_back")) {
    const verdict = judgeRollout(rollout, goal);
    if (verdict) return verdict;
  }
  const { state, reason, counts } = deployment;
  const { wanted, placed, leaving, refused } = counts;
  if (goal === "removed") return state === "removed" ? { is: "reached" } : { is: "going" };
  const because = reason ? `: ${reason}` : "";
  switch (state) {
    case "running":
      // Scaled down or upgraded: what is too much has to go first.
      return placed === wanted && leaving === 0 ? { is: "reached" } : { is: "going" };
    case "refused":
      return {
        is: "failed",
        why: deployment.sets
          ? `${refused} per node were refused${because}`
          : `${refused} of ${wanted} workloads were refused${because}`,
      };
    case "halted":
      return { is: "failed", why: `it is halted${because}` };
    case "removing":
    case "removed":
      return { is: "failed", why: "it is being removed" };
    default:
      return { is: "going" };
  }
}

/** The verdict on a rollout; undefined when it ended as wished and only the deployment is left to be judged. */
function judgeRollout(
  { state, number, reason, fresh }: Rollout,
  goal: "upgraded" | "rolled_back",
): Verdict | undefined {
  const because = reason === null ? "" : `: ${reason}`;
  switch (state) {
    case "completed":
      return goal === "upgraded"
        ? undefined
        : { is: "failed", why: `rollout ${number} was completed before` };
    case "rolled_back":
      return goal === "rolled_back"
        ? undefined
        : { is: "failed", why: `rollout ${number} was rolled back${because}` };
    case "canary":
      return goal === "upgraded"
        ? { is: "reached", note: `${fresh} new, waits for promote or abort` }
        : { is: "going" };
    case "halted":
    case "superseded":
    case "removed":
      return { is: "failed", why: `rollout ${number} is ${state}${because}` };
    default:
      return { is: "going" };
  }
}

/** How far it is, in numbers: `3 wanted: 1 healthy, 1 starting, 1 waiting for room`. */
export function summary({ deployment, rollout }: Snapshot): string {
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
  const upgrade = rollout
    ? `rollout ${rollout.number} ${rollout.state.replace("_", " ")}: ${rollout.fresh} new, ${rollout.stale} old; `
    : "";
  return `${upgrade}${wanted} wanted: ${shown.length > 0 ? shown.join(", ") : "none there"}`;
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
