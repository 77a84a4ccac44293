import type { Draft } from "./draft.ts";
import { movesMax } from "./limits.ts";
import { placeMissing } from "./place-missing.ts";
import { removeSurplus } from "./remove.ts";
import { serves } from "./serves.ts";
import type { Deployment, Node, Workload } from "./zone.ts";

/** What a deployment keeps: `moving` is on nodes that are being drained. */
type Parted = { moving: Workload[]; settled: Workload[] };

/** Parts the workloads of a deployment by whether their node is being drained. */
export function parted(draft: Draft, workloads: readonly Workload[]): Parted {
  const parts: Parted = { moving: [], settled: [] };
  for (const one of workloads) (draft.drains(one.node) ? parts.moving : parts.settled).push(one);
  return parts;
}

/**
 * Takes those away from draining nodes in whose place another one serves, by the barrier of upgrades. Returns those that
 * are going.
 */
export function retireMoved(draft: Draft, { moving, settled }: Parted, target: number): Set<Workload> {
  // One that a user stopped serves nobody, as it shall.
  const serving = settled.filter((one) => one.phase === "stopped" || serves(draft, one)).length;
  return removeSurplus(draft, moving, moving.length + serving - target, "drained_node");
}

/**
 * Places others in the place of workloads on draining nodes, as many as may be on their way at once. What fits nowhere
 * else waits with its reasons, and the old one goes on serving. False when there was nothing to ask for.
 */
export function placeMoves(
  draft: Draft,
  deployment: Deployment,
  given: Parted & { target: number; version: number },
): boolean {
  const { moving, settled, target, version } = given;
  const extra = Math.max(0, moving.length + settled.length - target);
  const wanted = Math.min(moving.length, movesMax) - extra;
  const [first] = moving;
  if (wanted <= 0 || !first) return false;
  const taken = withSlots(draft, moving, wanted);
  if (taken.length === 0) return true;
  const placed = placeMissing(draft, deployment, {
    wanted: taken.length,
    refusable: 0,
    version,
    because: "drained_node",
    cause: first.node.drain?.cause ?? deployment.cause,
    retiring: [],
  });
  for (const { node } of taken.slice(0, placed)) draft.move(node, 1);
  return true;
}

/** Of the workloads, so many whose node may have one more replacement on its way; the oldest first. */
function withSlots(draft: Draft, moving: readonly Workload[], wanted: number): Workload[] {
  const free = new Map<Node, number>();
  const taken: Workload[] = [];
  for (const one of moving) {
    if (taken.length === wanted) break;
    const slots = free.get(one.node) ?? movesMax - onTheirWay(draft, one.node) - draft.moves(one.node);
    if (slots > 0) taken.push(one);
    free.set(one.node, slots > 0 ? slots - 1 : slots);
  }
  return taken;
}

/** Replacements that are neither healthy nor in trouble yet: one in trouble must not keep other deployments waiting. */
function onTheirWay(draft: Draft, drained: Node): number {
  let count = 0;
  for (const deployment of new Set([...drained.workloads].map((one) => one.deployment)))
    for (const { going, node, phase } of deployment.workloads.values())
      if (!going && !draft.drains(node) && ["assigned", "created", "started"].includes(phase)) count++;
  return count;
}
