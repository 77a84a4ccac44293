import type { Wish } from "./filters.ts";
import { inTurn, type Rank } from "./turn.ts";

/** A node that takes nothing new of those who come after a deployment, until that one has got its place. */
export type Hold = { deployment: string; rank: Rank };

/** Whether the node is kept from a wish. */
export const isHeldFrom = (hold: Hold | undefined, { deployment, rank }: Wish): hold is Hold =>
  hold !== undefined && hold.deployment !== deployment && inTurn(hold.rank, rank) < 0;
