import type { Wish } from "./filters.ts";
import { inTurn, type Rank } from "./turn.ts";
import type { Node } from "./zone.ts";

/**
 * A node that takes nothing new of others until a deployment has got its place: of those who come `after` it, or of the `rest`
 * when somebody was displaced for it, which only those are not who have a higher priority. `ahead`: a pass is about to
 * displace somebody there.
 */
export type Hold = { deployment: string; rank: Rank; from: "after" | "rest"; ahead?: true };

export type Holds = ReadonlyMap<Node, readonly Hold[]>;

/** By whom the node is kept from a wish. */
export const holderOf = (holds: readonly Hold[] | undefined, { deployment, rank }: Wish): Hold | undefined =>
  holds?.find((hold) => {
    if (hold.deployment === deployment) return false;
    return hold.from === "rest" ? rank.priority <= hold.rank.priority : inTurn(hold.rank, rank) < 0;
  });

/** Holds a node, for others as well when it is held already. */
export function addHold(holds: Map<Node, Hold[]>, node: Node, hold: Hold): void {
  const known = holds.get(node);
  if (known) known.push(hold);
  else holds.set(node, [hold]);
}
