import type { Draft } from "./draft.ts";
import { victimsMax } from "./limits.ts";
import { wishOf } from "./place-missing.ts";
import { type Displacement, displacementFor } from "./preempt.ts";
import { remove } from "./remove.ts";
import { inTurn, rankOf } from "./turn.ts";
import { contentAt, type Deployment } from "./zone.ts";

/**
 * Notes where a deployment that has found no room is about to displace others, so that those who come after it in the pass
 * do not take what is still free there, only to go again.
 */
export function holdAhead(draft: Draft, deployment: Deployment): void {
  const found = displacementOf(draft, deployment);
  for (const { node: name } of found?.preemption.places ?? []) {
    const node = draft.pod.nodes.get(name);
    const hold = { deployment: deployment.id, rank: rankOf(deployment), from: "rest", ahead: true } as const;
    if (node) draft.hold(node, hold);
  }
}

/**
 * Displaces others for those that have found no room, in the order of their turns. At the end of a pass, when everything is
 * known that goes anyway. Says so before it does it: the decision comes before the removals that follow from it.
 */
export function displace(draft: Draft): void {
  if (draft.short.size === 0) return;
  draft.dropHolds(({ ahead }) => ahead === true);
  for (const deployment of [...draft.short.keys()].sort((a, b) => inTurn(rankOf(a), rankOf(b)))) {
    const found = displacementOf(draft, deployment);
    if (!found) continue;
    const { preemption, victims } = found;
    // Nobody is displaced by half: what is begun may take a few more than a pass holds.
    if (draft.affordable(1) < 1) {
      draft.unfinished.add(deployment);
      continue;
    }
    draft.spend(1);
    const cause = draft.decide(
      { type: "PreemptionDecided", deployment: deployment.id, ...preemption },
      deployment.cause,
    );
    for (const victim of victims) remove(draft, victim, "preempted", { cause, by: deployment.id });
    for (const { node: name } of preemption.places) {
      const node = draft.pod.nodes.get(name);
      if (node) draft.hold(node, { deployment: deployment.id, rank: rankOf(deployment), from: "rest" });
    }
  }
}

function displacementOf(draft: Draft, deployment: Deployment): Displacement | undefined {
  const short = draft.short.get(deployment);
  if (!short) return undefined;
  const { amounts } = contentAt(deployment, short.version);
  const wish = wishOf(deployment, amounts, []);
  return displacementFor(draft, wish, { wanted: short.waiting, most: victimsMax });
}
