import type { DecisionEvent } from "@eru/events";
import { kindNames } from "@eru/resources";
import type { Draft } from "./draft.ts";
import { allRejectionsOf, detailOf, type Wish } from "./filters.ts";
import { addHold, type Hold } from "./held.ts";
import { booksAfter, isLeaving } from "./leaving.ts";
import { wishOf } from "./place-missing.ts";
import { rankOf } from "./turn.ts";
import { contentAt, type Deployment, type Node, type Pod } from "./zone.ts";

/** Places that a deployment gets when those have gone who were displaced for it. */
export type KeptRoom = { readonly node: string; readonly count: number; readonly victims: readonly string[] };

type Ended = Extract<DecisionEvent, { type: "PreemptionEnded" }>["ended"];

/** Holds the nodes on which somebody was displaced, each for the one for whom it was. */
export function holdKept(pod: Pod, holds: Map<Node, Hold[]>): void {
  for (const [id, rooms] of pod.kept) {
    const deployment = pod.deployments.get(id);
    for (const { node: name } of deployment ? rooms : []) {
      const node = pod.nodes.get(name);
      if (node && deployment)
        addHold(holds, node, { deployment: id, rank: rankOf(deployment), from: "rest" });
    }
  }
}

/** Ends what is kept in vain: when the deployment waits for nothing any more, or can have its place there no more. */
export function endKept(draft: Draft, deployment: Deployment): void {
  const rooms = unplaced(draft, deployment);
  // Of a pass that had no room left for it nobody knows what it lacks.
  if (rooms.length === 0 || draft.unfinished.has(deployment)) return;
  const ended = vainOf(draft, deployment, rooms);
  if (ended.length === 0) return;
  draft.spend(1);
  draft.decide({ type: "PreemptionEnded", deployment: deployment.id, ended }, deployment.cause);
  const nodes = new Set(ended.map(({ node }) => node));
  draft.dropHolds((hold, { name }) => hold.deployment === deployment.id && nodes.has(name));
  draft.stirred = true;
}

/** What is kept for it, save where this pass has placed it. */
function unplaced({ pod, decisions }: Draft, { id }: Deployment): KeptRoom[] {
  const kept = pod.kept.get(id);
  // Of most there is nothing, and a pass has thousands of decisions.
  if (!kept) return [];
  const left = [...kept];
  for (const { event } of decisions)
    if (event.type === "PlacementDecided" && event.deployment === id)
      for (const { node } of event.placed) takeKept(left, node);
  return left;
}

/** Takes one place on the node out of the list. */
export function takeKept(rooms: KeptRoom[], node: string): void {
  const at = rooms.findIndex((room) => room.node === node);
  const room = rooms[at];
  if (room) rooms.splice(at, 1, ...(room.count > 1 ? [{ ...room, count: room.count - 1 }] : []));
}

function vainOf(draft: Draft, deployment: Deployment, rooms: readonly KeptRoom[]): Ended {
  const short = draft.short.get(deployment);
  if (!short) return rooms.map(({ node }) => ({ node, detail: whyOver(deployment) }));
  const wish = wishOf(deployment, contentAt(deployment, short.version).amounts, []);
  const before = new Map<string, number>();
  const ended: Ended = [];
  let kept = 0;
  for (const room of rooms) {
    const { node } = room;
    const same = before.get(node) ?? 0;
    const detail = kept < short.waiting ? whyVain(draft, room, wish, same) : "fewer are wanted now";
    if (detail !== undefined) ended.push({ node, detail });
    else {
      kept += room.count;
      before.set(node, same + room.count);
    }
  }
  return ended;
}

function whyOver({ removed, turn, rollout }: Deployment): string {
  if (removed) return "it is removed";
  if (!turn.preempt) return "it displaces nobody any more";
  if (rollout) return "it is being upgraded, and an upgrade displaces nobody";
  return "it waits for no room any more";
}

/** Why it cannot come there; `same` others of the deployment on the node can. */
function whyVain(
  draft: Draft,
  { node: name, victims }: KeptRoom,
  wish: Wish,
  same: number,
): string | undefined {
  const node = draft.pod.nodes.get(name);
  if (!node) return `node ${name} is not in pod ${draft.pod.name} any more`;
  const other = allRejectionsOf(node, wish, draft).find((filter) => !isRoom(filter));
  if (other) return detailOf(other, node, wish, draft);
  const stays = victims.find((id) => {
    const victim = draft.zone.workloads.get(id);
    return victim !== undefined && !isLeaving(draft, victim);
  });
  // Of a pass only the beginning may have been recorded: it is decided anew.
  if (stays !== undefined) return `${stays} was not told to go`;
  const after = booksAfter(draft, node);
  if (after.room(wish.amounts, same + 1) > same) return undefined;
  const why = kindNames.filter((kind) => after.rejects(kind, wish.amounts));
  return `its room is taken: ${why.map((kind) => after.why(kind, wish.amounts)).join(" and ") || "others are there"}`;
}

/** Whether a filter asks for room. */
export const isRoom = (filter: string): boolean => kindNames.some((kind) => kind === filter);
