import type { Draft } from "./draft.ts";
import { detailOf, verdictOn } from "./filters.ts";
import { movesMax } from "./limits.ts";
import { placeMissing, wishOf } from "./place-missing.ts";
import { removeSurplus } from "./remove.ts";
import { serves } from "./serves.ts";
import { contentAt, type Deployment, type Node, type Workload } from "./zone.ts";

/** What a deployment keeps: `moving` is on nodes that are being drained, or the one that a rebalancing moves now. */
type Parted = { moving: Workload[]; settled: Workload[] };

/**
 * Parts the workloads of a deployment by whether their node is being drained. When none is, what a rebalancing asks is done
 * one after the other.
 */
export function parted(draft: Draft, workloads: readonly Workload[]): Parted {
  const parts: Parted = { moving: [], settled: [] };
  for (const one of workloads) (draft.drains(one.node) ? parts.moving : parts.settled).push(one);
  const next = parts.moving.length === 0 ? nextAsked(draft, parts.settled) : undefined;
  return next ? { moving: [next], settled: parts.settled.filter((one) => one !== next) } : parts;
}

/** The oldest workload that was asked to move, one that has begun before all others. */
function nextAsked(draft: Draft, workloads: readonly Workload[]): Workload | undefined {
  const asked = workloads.filter((one) => one.move && !draft.stays.has(one)).sort((a, b) => a.n - b.n);
  return asked.find(({ move }) => move?.replacement !== undefined) ?? asked[0];
}

/** Drops what a rebalancing asked and what cannot be done any more, up to the one that is next. */
export function dropVainMoves(
  draft: Draft,
  deployment: Deployment,
  { staying, version }: { staying: readonly Workload[]; version: number },
): void {
  for (;;) {
    const next = nextAsked(draft, staying);
    const detail = next && whyInVain(draft, deployment, { next, staying, version });
    if (!next?.move || detail === undefined) return;
    if (draft.affordable(1) < 1) {
      draft.unfinished.add(deployment);
      return;
    }
    draft.spend(1);
    draft.stays.add(next);
    const { to, requestSeq, cause } = next.move;
    draft.decide(
      { type: "MoveDropped", deployment: deployment.id, workload: next.id, to, requestSeq, detail },
      cause,
    );
  }
}

/** Why a workload is not moved after all; undefined when it can be, or is on its way. */
function whyInVain(
  draft: Draft,
  deployment: Deployment,
  { next, staying, version }: { next: Workload; staying: readonly Workload[]; version: number },
): string | undefined {
  const { move } = next;
  if (!move) return undefined;
  if (move.replacement !== undefined) {
    const replacement = staying.find(({ id }) => id === move.replacement);
    if (!replacement) return `${move.replacement}, which came in its place, is gone`;
    if (replacement.phase === "failed")
      return `${move.replacement}, which came in its place, failed: ${replacement.failure}`;
    return undefined;
  }
  if (next.version !== version) return "its deployment is being upgraded: ask again when that is over";
  const node = draft.pod.nodes.get(move.to);
  if (!node) return `node ${move.to} is not in pod ${draft.pod.name}`;
  if (node === next.node) return `it is on ${move.to} already`;
  const wish = wishOf(deployment, contentAt(deployment, version).amounts, []);
  const verdict = verdictOn(node, wish, draft);
  return "filter" in verdict ? `${move.to}: ${detailOf(verdict.filter, node, wish, draft)}` : undefined;
}

/**
 * Takes those away from draining nodes in whose place another one serves, by the barrier of upgrades. Returns those that
 * are going.
 */
export function retireMoved(draft: Draft, { moving, settled }: Parted, target: number): Set<Workload> {
  // One that a user stopped serves nobody, as it shall.
  const serving = settled.filter((one) => one.phase === "stopped" || serves(draft, one)).length;
  const [first] = moving;
  const because = first && !draft.drains(first.node) ? "rebalanced" : "drained_node";
  return removeSurplus(draft, moving, moving.length + serving - target, because);
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
    ...(draft.drains(first.node)
      ? { because: "drained_node", cause: first.node.drain?.cause ?? deployment.cause }
      : askedOf(first, deployment)),
    retiring: [],
  });
  for (const { node } of taken.slice(0, placed)) draft.move(node, 1);
  return true;
}

const askedOf = ({ id, move }: Workload, { cause }: Deployment) => ({
  because: "rebalanced" as const,
  cause: move?.cause ?? cause,
  ...(move && { move: { instead: id, to: move.to } }),
});

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
