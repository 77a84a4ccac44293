import type { InheritedFile } from "@eru/events";
import type { OwnContainer } from "./container.ts";
import type { Assigned } from "./desired.ts";
import { type Entry, keptContainer } from "./entry.ts";
import type { Known, WorkloadFact } from "./known.ts";
import type { View } from "./reconcile.ts";

/** Files that are brought from one container to another before that starts. */
export type FilesToCopy = { source: string; files: readonly InheritedFile[] };

type Seen = Pick<View, "order" | "containers" | "known">;

/**
 * The container whose place another one takes: kept until the new one was healthy once. Undefined when there is none, or
 * when it has its place again.
 */
export function predecessorOf({ order, containers, known }: Seen): OwnContainer | undefined {
  if (order?.kind !== "run") return undefined;
  const { takesOver, generation, keep } = order.assigned;
  if (!takesOver || takesOver.from !== undefined || keep !== undefined) return undefined;
  if (known?.generation === generation && (known.proven || known.undone !== undefined)) return undefined;
  return containers
    .filter((one) => one.generation < generation && (one.state === "running" || one.state === "exited"))
    .toSorted((one, other) => other.generation - one.generation)[0];
}

/** What failed, when that is the end of the try to take another container's place. */
export function failedTakeOver(seen: Seen): { old: OwnContainer; error: string } | undefined {
  const { order, known } = seen;
  if (order?.kind !== "run" || known?.generation !== order.generation) return undefined;
  if (!["failed", "exited", "unhealthy"].includes(known.phase)) return undefined;
  const old = predecessorOf(seen);
  return old && { old, error: known.trouble };
}

/** That the old container counts again, as a fact. */
export const undone = (
  { node, workload }: View,
  { generation }: Assigned,
  { old, error }: { old: OwnContainer; error: string },
): WorkloadFact => ({ type: "ReplacementUndone", node, workload, generation, containerId: old.id, error });

/** The container of another workload that files are taken from. */
export function sourceOf({ order }: Entry, all: ReadonlyMap<string, Entry>): OwnContainer | undefined {
  const from = order?.kind === "run" ? order.assigned.takesOver?.from : undefined;
  const other = from === undefined ? undefined : all.get(from);
  return other && keptContainer(other);
}

/**
 * An old container that has its place again: its health is not known, and it may have missed an order about resources,
 * which is carried out once more.
 */
export function beginAnew(entry: Entry, fact: WorkloadFact): void {
  if (fact.type !== "ReplacementUndone") return;
  entry.health = undefined;
  entry.answered = 0;
}

/** What a container that was never started gets before; an error when its source is gone. */
export function filesFor(
  { takesOver }: Assigned,
  kept: OwnContainer,
  source: OwnContainer | undefined,
): FilesToCopy | { error: string } | undefined {
  const files = takesOver?.copy ?? [];
  if (files.length === 0 || kept.startedAtMs !== undefined) return undefined;
  if (!source) return { error: `the container it takes ${files[0]?.from} from is gone` };
  return { source: source.id, files };
}

/** The network of another container, as a new one can get it. */
export type InheritedNetwork = Pick<OwnContainer, "address" | "fixedAddress" | "ports" | "bound">;

/** What is known of the network that the order wants again; undefined when it wants none. */
export const networkFor = (
  { takesOver }: Assigned,
  predecessor: OwnContainer | undefined,
): InheritedNetwork | undefined => (takesOver?.network && predecessor ? predecessor : undefined);

/** Whether the files were brought before: a start at this generation was tried. */
export const hadItsFiles = ({ generation }: Assigned, known: Known | undefined): boolean =>
  known?.generation === generation && (known.startedAtMs > 0 || known.proven);
