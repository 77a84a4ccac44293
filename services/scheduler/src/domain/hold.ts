import { Books, kindNames } from "@eru/resources";
import type { Draft } from "./draft.ts";
import { allRejectionsOf, type Wish } from "./filters.ts";
import { addHold, type Hold, type Holds } from "./held.ts";
import { holdKept } from "./kept-room.ts";
import { passedOverMax } from "./limits.ts";
import { wishOf } from "./place-missing.ts";
import { orderly, rankOf } from "./turn.ts";
import { capacityOf, contentAt, type Node, type Pod } from "./zone.ts";

/** Nodes that are held: for those that were passed over too often, and for those for whom others were displaced. */
export function holdsOf(draft: Draft): Holds {
  const holds = new Map<Node, Hold[]>();
  holdFor(draft, holds);
  holdKept(draft.pod, holds);
  return holds;
}

/**
 * Of those that wait, the first whom others have passed over too often has a node held for it: the one where the least
 * must become free. What becomes free there is left for it, so that small ones cannot keep it waiting for ever.
 */
function holdFor(draft: Draft, holds: Map<Node, Hold[]>): void {
  for (const deployment of orderly(passedOver(draft.pod))) {
    const { amounts } = contentAt(deployment, deployment.version);
    const node = closest(draft, wishOf(deployment, amounts, []));
    if (!node) continue;
    addHold(holds, node, { deployment: deployment.id, rank: rankOf(deployment), from: "after" });
    break;
  }
}

const passedOver = ({ waiting, placed }: Pod) =>
  [...waiting].filter(({ turn, removed }) => !removed && placed - turn.placedBefore >= passedOverMax);

/** The node that is full, but large enough, and lacks the smallest part of what is asked for; on a tie the first by name. */
function closest(draft: Draft, wish: Wish): Node | undefined {
  let found: { node: Node; part: number } | undefined;
  for (const node of draft.pod.nodes.values()) {
    const rejections = allRejectionsOf(node, wish, draft);
    const size = capacityOf(node);
    // Where it has room now it is placed when its turn comes, before those from whom a node would be held.
    if (rejections.length === 0) return undefined;
    if (!size || !rejections.every((name) => kindNames.some((kind) => kind === name))) continue;
    if (Books.open(size).room(wish.amounts, 1) < 1) continue;
    const part = draft
      .booksOf(node)
      .lacks(wish.amounts)
      .reduce((most, lack) => Math.max(most, lack.part), 0);
    if (!found || part < found.part || (part === found.part && node.name < found.node.name))
      found = { node, part };
  }
  return found?.node;
}
