import { fullness, openNodes } from "./balance.ts";
import { verdicts } from "./place.ts";
import type { Relocation } from "./relocation.ts";
import type { Node } from "./zone.ts";

/**
 * Empties nodes, those with the fewest workloads first: all of a node's workloads go to the fullest nodes that can take
 * them, none to an empty one, or none of them moves. A node that has taken something is not emptied.
 */
export function emptyNodes(plan: Relocation): void {
  const givers = openNodes(plan.draft)
    .filter(({ workloads }) => workloads.size > 0)
    .sort((a, b) => a.workloads.size - b.workloads.size || (a.name < b.name ? -1 : 1));
  const taken = new Set<Node>();
  for (const giver of givers) {
    if (taken.has(giver) || plan.movable(giver).length < giver.workloads.size) continue;
    if (plan.left === 0) return;
    if (giver.workloads.size > plan.left) {
      plan.ended = true;
      continue;
    }
    const before = plan.moves.length;
    if (!plan.together(() => empty(plan, giver))) continue;
    for (const { to } of plan.moves.slice(before)) taken.add(to);
    plan.emptied.push(giver);
  }
}

function empty(plan: Relocation, giver: Node): boolean {
  const closed = new Set<Node>([giver, ...plan.emptied]);
  for (const workload of plan.movable(giver)) {
    const { draft } = plan;
    plan.looked(draft.pod.nodes.size);
    const takers = verdicts(draft, plan.wish(workload.deployment))
      .open.map(({ at }) => at)
      .filter((node) => !closed.has(node) && node.workloads.size > 0)
      .map((node) => ({ node, full: fullness(draft, node) }))
      .sort((a, b) => b.full - a.full || (a.node.name < b.node.name ? -1 : 1));
    const [taker] = takers;
    if (!taker) return false;
    plan.move(workload, taker.node, `empties ${giver.name}`);
  }
  return true;
}
