import type { DecisionEvent } from "@eru/events";
import type { Draft } from "./draft.ts";
import { roomIn, verdicts } from "./place.ts";
import { endWaiting, isTooLarge, placeMissing, tooLarge, wishOf } from "./place-missing.ts";
import { remove, removeSurplus } from "./remove.ts";
import { barrier, serves } from "./serves.ts";
import { failureOf, releaseLost } from "./steady.ts";
import { contentAt, type Deployment, type Rollout, targetOf, templateAt, type Workload } from "./zone.ts";

type Step = Extract<DecisionEvent, { type: "RolloutStepped" }>["step"];

/** The workloads of an upgrade. Those on lost nodes are in none but `lost`. */
type Groups = { fresh: Workload[]; stale: Workload[]; lost: Workload[] };

/**
 * One look at a running upgrade, start-first: fresh workloads are placed up to `surge` above the count, and an old one
 * goes only when a fresh one serves in its place. A fresh one that fails for good halts it; the old keep serving. Until
 * the first fresh one serves, what a lost node took of the old comes back as old.
 */
export function rollOut(
  draft: Draft,
  deployment: Deployment,
  rollout: Rollout,
  staying: readonly Workload[],
): void {
  const groups = groupsOf(draft, deployment, staying);
  if (rollout.step === "requested")
    step(draft, deployment, groups, { step: "started", detail: `at most ${rollout.surge} more than wished` });
  const fault = faultOf(draft, deployment, groups);
  if (fault) {
    step(draft, deployment, groups, { step: "halted", detail: fault });
    return;
  }
  const target = targetOf(deployment);
  const serving = groups.fresh.filter((one) => serves(draft, one)).length;
  // Failed old ones serve nobody, and their room may be what the fresh ones need.
  const failed = groups.stale.filter((one) => one.phase === "failed" && remove(draft, one, "upgraded"));
  groups.stale = groups.stale.filter((one) => !failed.includes(one));

  const again = serving > 0 ? 0 : placeStaleAgain(draft, deployment, groups, target, rollout.surge);
  if (again > 0) {
    const counts = { fresh: groups.fresh.length, stale: groups.stale.length + again };
    const detail = `${again} of the old release placed again: none of the new serves yet`;
    step(draft, deployment, counts, { step: "placing", detail });
    draft.unfinished.add(deployment); // One placement at a time: the next pass goes on.
    return;
  }
  const placed = placeFresh(draft, deployment, groups, target, rollout.surge);
  const fresh = groups.fresh.length + placed;
  const placedGroups = { fresh, stale: groups.stale.length };
  if (placed > 0)
    step(draft, deployment, placedGroups, { step: "placing", detail: `${placed} of the new release placed` });

  const retired = removeSurplus(draft, groups.stale, groups.stale.length + serving - target, "upgraded");
  const stale = groups.stale.length - retired.size;
  if (retired.size > 0)
    step(
      draft,
      deployment,
      { fresh, stale },
      {
        step: "retiring",
        detail: `${serving} of the new release serve, ${retired.size} of the old go`,
      },
    );
  const surplus = removeSurplus(draft, groups.fresh, fresh - target, "scaled");
  releaseLost(draft, groups.lost, target - (fresh - surplus.size) - stale);

  const done = groups.stale.length === 0 && groups.lost.length === 0 && failed.length === 0;
  if (done && serving >= target && placed === 0)
    step(draft, deployment, groups, { step: "completed", detail: `${serving} of the new release serve` });
}

function groupsOf(draft: Draft, deployment: Deployment, staying: readonly Workload[]): Groups {
  const groups: Groups = { fresh: [], stale: [], lost: [] };
  for (const workload of staying) {
    if (draft.livenessOf(workload.node) === "lost") groups.lost.push(workload);
    else (workload.version === deployment.version ? groups.fresh : groups.stale).push(workload);
  }
  return groups;
}

/** What halts the upgrade, in words. */
function faultOf(draft: Draft, deployment: Deployment, { fresh }: Groups): string | undefined {
  const failed = fresh.find((one) => one.phase === "failed");
  if (failed) return failureOf(failed);
  if (isTooLarge(templateAt(deployment, deployment.version))) return tooLarge;
  if (!draft.signals.stalled.has(deployment.id)) return undefined;
  const slow = fresh.find((one) => !serves(draft, one));
  return slow && `no progress for too long; ${failureOf(slow)}`;
}

/**
 * Where a running upgrade stands while fresh workloads are on their way to health: the same answer for too long means that
 * it does not get on. Undefined while nothing is on its way: waiting for room is not a fault of the release.
 */
export function waitsForHealth({ rollout, version, workloads }: Deployment): string | undefined {
  if (rollout?.step !== "running") return undefined;
  const counts = { fresh: 0, healthy: 0, stale: 0 };
  for (const workload of workloads.values()) {
    if (workload.going) continue;
    if (workload.version !== version) counts.stale++;
    else if (workload.phase === "healthy") counts.healthy++;
    else counts.fresh++;
  }
  return counts.fresh > 0 ? `${version} ${counts.fresh} ${counts.healthy} ${counts.stale}` : undefined;
}

/** Places what a lost node took of the release that worked, as far as there is room. Returns how many were placed. */
function placeStaleAgain(
  draft: Draft,
  deployment: Deployment,
  { fresh, stale, lost }: Groups,
  target: number,
  surge: number,
): number {
  const version = deployment.stableVersion;
  const gone = lost.filter((one) => one.version === version && one.phase === "healthy").length;
  const allowed = Math.min(gone, target - stale.length, target + surge - fresh.length - stale.length);
  if (allowed <= 0) return 0;
  const wish = wishOf(deployment, contentAt(deployment, version).amounts, []);
  // Never waits for room: that would be recorded in turns with the waiting of the fresh ones.
  const wanted = Math.min(allowed, roomIn(verdicts(draft, wish), wish.nodesLimit));
  if (wanted <= 0) return 0;
  return placeMissing(draft, deployment, {
    wanted,
    refusable: 0,
    version,
    because: "node_lost",
    cause: draft.nodeLost ?? deployment.cause,
    retiring: [],
  });
}

function placeFresh(
  draft: Draft,
  deployment: Deployment,
  { fresh, stale, lost }: Groups,
  target: number,
  surge: number,
): number {
  const wanted = Math.min(target - fresh.length, target + surge - fresh.length - stale.length);
  if (wanted <= 0) {
    endWaiting(draft, deployment, deployment.version);
    return 0;
  }
  return placeMissing(draft, deployment, {
    wanted,
    refusable: 0,
    version: deployment.version,
    because: "upgrade",
    cause: lost.length > 0 ? (draft.nodeLost ?? deployment.cause) : deployment.cause,
    retiring: stale,
  });
}

function step(
  draft: Draft,
  deployment: Deployment,
  counts: Groups | { fresh: number; stale: number },
  given: { step: Step; detail: string },
): void {
  const number = (of: number | Workload[]): number => (typeof of === "number" ? of : of.length);
  draft.decide(
    {
      type: "RolloutStepped",
      deployment: deployment.id,
      release: templateAt(deployment, deployment.version).release,
      templateSeq: deployment.version,
      fresh: number(counts.fresh),
      stale: number(counts.stale),
      elbs: barrier(draft),
      ...given,
    },
    deployment.cause,
  );
}
