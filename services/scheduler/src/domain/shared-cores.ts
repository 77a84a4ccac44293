import type { Draft } from "./draft.ts";

/**
 * Cores that were bound or let go are taken from or given back to the workloads that are not bound: decided and ordered
 * whenever they are other ones than the log says.
 */
export function shareCores(draft: Draft): void {
  const nodes = new Set([...draft.pod.bound, ...draft.bookedNodes()]);
  for (const node of [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const cores = draft.booksOf(node).sharedCores();
    const { shared } = node.agent;
    if (cores.join() === shared.cores.join()) continue;
    if (draft.affordable(1) < 1) return;
    draft.spend(1);
    const named = { node: node.name, generation: shared.generation + 1, cores };
    const decision = draft.decide({ type: "SharedCoresDecided", pod: draft.pod.name, ...named }, "begins");
    draft.order({ type: "SharedCoresAssigned", ...named }, decision);
  }
}
