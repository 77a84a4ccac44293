import type { Books } from "@eru/resources";
import type { Draft } from "./draft.ts";
import type { Node, Workload } from "./zone.ts";

/** Whether it goes by itself: its room is about to become free. */
export const isLeaving = (draft: Draft, workload: Workload): boolean =>
  workload.going !== undefined || workload.deployment.removed || draft.going.has(workload);

/** What is booked on a node once those have gone who are on their way out; a copy. */
export function booksAfter(draft: Draft, node: Node): Books {
  const books = draft.booksOf(node).copy();
  for (const workload of node.workloads)
    if (isLeaving(draft, workload)) books.giveBack(workload.amounts, workload.booked);
  return books;
}
