import type { DecisionEvent } from "@eru/events";
import { mayServe } from "./carriers.ts";
import type { Decided, Draft } from "./draft.ts";
import { inFlightOf } from "./drains.ts";
import { letGo } from "./let-go.ts";
import { barrier } from "./serves.ts";
import { templateAt, type Workload } from "./zone.ts";

type Removal = Extract<DecisionEvent, { type: "RemovalDecided" }>["because"];
type Stop = Extract<DecisionEvent, { type: "StopDecided" }>["because"];

/** For a workload whose template is no longer known, because its node left the zone. */
export const graceSecondsDefault = 10;

/**
 * Decides that a workload goes: its endpoint drains first when requests may reach it, otherwise it is stopped at once.
 * False when the pass has no room left.
 */
export function remove(
  draft: Draft,
  workload: Workload,
  because: Removal,
  given?: { cause: Decided["cause"]; by: string },
): boolean {
  const { deployment, node } = workload;
  // Who displaces somebody has said so: all of them go, or none.
  if (!given && draft.affordable(1) < 1) {
    draft.unfinished.add(deployment);
    return false;
  }
  draft.spend(1);
  const lost = draft.livenessOf(node) === "lost";
  const drain = !lost && mayServe(draft.zone, workload);
  const decision = draft.decide(
    {
      type: "RemovalDecided",
      deployment: deployment.id,
      workload: workload.id,
      node: node.name,
      because,
      ...(given && { by: given.by }),
      drain,
      drainDeadlineMs: drain ? draft.options.drainDeadlineMs : 0,
      ...((because === "drained_node" || because === "rebalanced") && { elbs: barrier(draft) }),
    },
    given?.cause ?? causeOf(draft, workload, because),
  );
  draft.going.add(workload);
  // A failed one still counts on its node, so that its replacement tries another node first.
  if (because !== "failed" && workload.counted) draft.spread(deployment.key, node.name, -1);
  if (!drain) stop(draft, workload, lost ? "node_lost" : "not_routed", decision);
  return true;
}

function causeOf(draft: Draft, { deployment, node, move }: Workload, because: Removal): Decided["cause"] {
  if (because === "rebalanced") return move?.cause ?? deployment.cause;
  if (because === "node_lost") return draft.nodeLost ?? deployment.cause;
  return because === "drained_node" ? (node.drain?.cause ?? deployment.cause) : deployment.cause;
}

/**
 * Sends the stop to the node: nothing reaches the workload any more, or the time for it is over. One that is being
 * dissociated is let go of instead.
 */
export function stop(draft: Draft, workload: Workload, because: Stop, cause: Decided["cause"]): void {
  if (workload.going?.keeps) {
    letGo(draft, workload, because, cause);
    return;
  }
  const decision = draft.decide(
    {
      type: "StopDecided",
      deployment: workload.deployment.id,
      workload: workload.id,
      node: workload.node.name,
      because,
      ...(because === "drain_deadline" && inFlightOf(workload)),
    },
    cause,
  );
  draft.order(
    {
      type: "WorkloadStopAssigned",
      node: workload.node.name,
      workload: workload.id,
      generation: draft.nextGeneration(workload),
      graceSeconds: templateAt(workload.deployment, workload.version).entrypoint.graceSeconds,
    },
    decision,
  );
}

/** What serves least goes first. Of a node that has just come back nobody knows yet whether its workloads still run. */
const rank = ({ phase, node }: Workload): number => {
  if (phase === "failed") return 0;
  if (phase !== "healthy") return 1;
  return node.liveness === "alive" ? 3 : 2;
};

/** The workloads of one rank on one node, the newest last. */
type Group = { rank: number; node: string; workloads: Workload[] };

/**
 * Removes so many of the workloads: failed ones first, then those that are not healthy, then those on nodes that were
 * silent, then from the node with the most of the app and entrypoint; the newest first. Returns those that are going now.
 */
export function removeSurplus(
  draft: Draft,
  workloads: readonly Workload[],
  many: number,
  because: Removal,
): Set<Workload> {
  const removed = new Set<Workload>();
  if (many <= 0) return removed;
  const groups = groupsOf(workloads);
  while (removed.size < many) {
    const group = fullest(draft, groups);
    const next = group?.workloads.at(-1);
    if (!next || !remove(draft, next, because)) break;
    group?.workloads.pop();
    removed.add(next);
  }
  return removed;
}

function groupsOf(workloads: readonly Workload[]): Group[] {
  const groups = new Map<string, Group>();
  for (const workload of workloads.toSorted((a, b) => a.n - b.n)) {
    const key = `${rank(workload)} ${workload.node.name}`;
    const group = groups.get(key);
    if (group) group.workloads.push(workload);
    else groups.set(key, { rank: rank(workload), node: workload.node.name, workloads: [workload] });
  }
  return [...groups.values()];
}

function fullest(draft: Draft, groups: readonly Group[]): Group | undefined {
  let found: { group: Group; crowd: number; n: number } | undefined;
  for (const group of groups) {
    const newest = group.workloads.at(-1);
    if (!newest || (found && found.group.rank < group.rank)) continue;
    const crowd = draft.countOn(newest.deployment.key, group.node);
    const before =
      !found ||
      group.rank < found.group.rank ||
      crowd > found.crowd ||
      (crowd === found.crowd && newest.n > found.n);
    if (before) found = { group, crowd, n: newest.n };
  }
  return found?.group;
}
