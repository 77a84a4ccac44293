import { containerName, type OwnContainer } from "./container.ts";
import { type Loop, noLoop } from "./crash-loop.ts";
import type { Order } from "./desired.ts";
import type { Discarded } from "./discard.ts";
import type { Health } from "./health.ts";
import { keptBy } from "./keep.ts";
import type { Known } from "./known.ts";
import type { Realloc } from "./realloc.ts";
import type { Action, View } from "./reconcile.ts";

/** What the agent remembers of one workload between two passes. */
export type Entry = {
  readonly workload: string;
  order: Order | undefined;
  /** The newest order about its resources, and the newest revision that was answered. */
  realloc: Realloc | undefined;
  answered: number;
  known: Known | undefined;
  containers: readonly OwnContainer[];
  image: View["image"];
  /** Of the last container that was taken away. */
  exitCode: number | undefined;
  health: Health | undefined;
  probing: boolean;
  /** An action is in flight. */
  busy: boolean;
  /** Set when what is remembered of the containers may be wrong; with the ids that the engine named. */
  lookAt: Set<string> | undefined;
  /** The containers were never seen as a whole: nothing can be concluded from what is missing. */
  blind: boolean;
  /** A container could not be seen or taken away. */
  stuck: { at: "look" | "clear"; failures: number; untilMs: number; error: string } | undefined;
  wakeAtMs: number | undefined;
  /** Until when the container that nobody needs any more may be left. */
  tidyByMs: number | undefined;
  discarded: Discarded | undefined;
  loop: Loop;
  /** When something was last begun or learned, by the agent's own count. */
  touched: number;
};

/** A workload that nothing is known about. */
export const newEntry = (workload: string): Entry => ({
  workload,
  order: undefined,
  realloc: undefined,
  answered: 0,
  known: undefined,
  containers: [],
  image: "assumed",
  exitCode: undefined,
  health: undefined,
  probing: false,
  busy: false,
  lookAt: undefined,
  blind: false,
  stuck: undefined,
  wakeAtMs: undefined,
  tidyByMs: undefined,
  discarded: undefined,
  loop: noLoop,
  touched: 0,
});

/** The container that the order asks for. */
export const keptContainer = ({ order, containers, known }: Pick<Entry, "order" | "containers" | "known">) =>
  order?.kind === "run" ? keptBy(order.assigned, containers, known) : undefined;

/** Everything to ask the engine for, to know all of the workload's containers again. */
export const lookRefs = (entry: Entry): string[] => {
  const ids = new Set([...(entry.lookAt ?? []), ...entry.containers.map((one) => one.id)]);
  // Its name finds the container of a create whose answer was lost.
  if (entry.order && !keptContainer(entry)) ids.add(containerName(entry.workload, entry.order.generation));
  return [...ids];
};

/** True when nothing is left to do, to report or to remember besides that it is over. */
export function isOver({ order, known, containers, busy, lookAt }: Entry): boolean {
  if (busy || lookAt || containers.length > 0) return false;
  if (order === undefined) return known?.containerId === undefined;
  // Should its container come to sight again, it must still be known that it is to be left alone.
  if (order.kind === "release") return false;
  return order.kind === "stop" && known?.phase === "removed" && known.generation >= order.generation;
}

/** Takes what a full look showed; keeps what is remembered when the engine did not say how a container is. */
export function seeAll(entry: Entry, seen: readonly OwnContainer[]): void {
  const unknown = seen.filter((one) => one.state === "unknown");
  if (unknown.length === 0) {
    entry.containers = seen;
    entry.blind = false;
    return;
  }
  entry.lookAt = new Set([...(entry.lookAt ?? []), ...unknown.map((one) => one.id)]);
  entry.blind ||= entry.containers.length === 0;
}

/** The workload's containers, with the one that an action was about as it is now. */
export function withOne(
  { containers }: Entry,
  action: Exclude<Action, { do: "pull" }>,
  seen: readonly OwnContainer[],
): OwnContainer[] {
  const id = action.do === "create" ? seen[0]?.id : "containerId" in action ? action.containerId : undefined;
  return [...containers.filter((one) => one.id !== id), ...seen];
}

/** Takes what an action that was done showed. */
export function takeDone(
  entry: Entry,
  action: Exclude<Action, { do: "pull" }>,
  seen: readonly OwnContainer[],
): void {
  if (action.do === "look") {
    entry.containers = seen;
    entry.blind = false;
    // What cannot be taken away can be seen, so a look alone does not mean that it can now.
    if (seen.length === 0 || entry.stuck?.at === "look") entry.stuck = undefined;
    return;
  }
  const before =
    action.do === "create" ? undefined : entry.containers.find((one) => one.id === action.containerId);
  entry.containers = withOne(entry, action, seen);
  if (action.do === "start") entry.discarded = undefined;
  if (action.do === "create") {
    entry.image = "assumed";
    entry.exitCode = undefined;
  } else if (action.do !== "start" && action.do !== "hook") {
    entry.stuck = undefined;
    if (action.do === "remove")
      entry.exitCode = before?.startedAtMs === undefined ? undefined : before.exitCode;
  }
}

/** How many containers are in each state. */
export function countStates(entries: Iterable<Pick<Entry, "containers">>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { containers } of entries)
    for (const { state } of containers) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
