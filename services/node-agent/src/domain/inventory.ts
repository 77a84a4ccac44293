import { type InventoryFault, inventoryFaultsMax, usageDetail } from "@eru/events";
import { boundsDifference } from "./bounds.ts";
import { type Container, type OwnContainer, own } from "./container.ts";
import type { Entry } from "./entry.ts";
import { keptBy } from "./keep.ts";
import type { Picture } from "./picture.ts";
import { orderNow } from "./realloc.ts";

/** Workloads by how they are: as their orders say, being worked on, or otherwise. */
export type Inventory = {
  asOrdered: string[];
  busy: string[];
  faults: InventoryFault[];
  faultsTotal: number;
};

const bytesPerMib = 1024 * 1024;
const nanosPerMilli = 1_000_000;

/**
 * Compares what the engine has with what is ordered, and says it. Changes nothing. What an action is under way about, or
 * what the agent does not see clearly itself, is being worked on: the next look tells.
 */
export function inventory(
  { node, addressing, entries }: Omit<Picture, "lanes">,
  containers: readonly Container[],
): Inventory {
  const found: Inventory = { asOrdered: [], busy: [], faults: [], faultsTotal: 0 };
  const tell = (fault: InventoryFault): void => {
    found.faultsTotal++;
    if (found.faults.length < inventoryFaultsMax)
      found.faults.push({ ...fault, detail: usageDetail(fault.detail) });
  };
  const ours = new Map<string, OwnContainer[]>();
  for (const container of containers) {
    const one = own(container, node);
    if (one) ours.set(one.workload, [...(ours.get(one.workload) ?? []), one]);
    else
      tell({
        what: "foreign",
        container: container.name,
        detail: `${container.name} bears the label of node ${node} and is none that Eru made`,
      });
  }
  for (const [workload, there] of ours)
    if (!entries.has(workload)) for (const one of there) tell(unordered(one, "nobody ordered it"));
  for (const entry of entries.values()) {
    const there = ours.get(entry.workload) ?? [];
    const { order, busy, blind, realloc, answered } = entry;
    if (order?.kind === "release") continue;
    const moves = busy || blind || (realloc?.revision ?? 0) > answered;
    const faults = moves ? [] : faultsOf(entry, there, addressing);
    if (order?.kind !== "run" && there.length === 0) continue;
    if (moves || faults === "busy") found.busy.push(entry.workload);
    else if (faults.length > 0) for (const fault of faults) tell(fault);
    else found.asOrdered.push(entry.workload);
  }
  return found;
}

function faultsOf(
  entry: Readonly<Entry>,
  there: readonly OwnContainer[],
  addressing: Picture["addressing"],
): InventoryFault[] | "busy" {
  const { workload, known, stuck } = entry;
  const order = orderNow(entry);
  const unseen = there.find(({ state }) => state === "unknown");
  if (unseen)
    return [
      {
        what: "unseen",
        workload,
        container: unseen.name,
        detail: `the engine says nothing of ${unseen.name}`,
      },
    ];
  if (order?.kind !== "run") {
    // What shall go is on its way, unless it cannot be taken away.
    if (!stuck) return "busy";
    return there.map((one) => unordered(one, `it cannot be taken away: ${stuck.error}`));
  }
  const { assigned } = order;
  const kept = keptBy(assigned, there, known);
  if (!kept) {
    if (assigned.keep === "stopped") return [];
    return [{ what: "missing", workload, detail: missingText(entry) }];
  }
  if (there.length > 1) return "busy"; // One of them takes the other's place.
  const different = boundsDifference(entry, kept, addressing);
  return different ? [{ what: "limits", workload, container: kept.name, ...different }] : [];
}

function missingText({ known }: Readonly<Entry>): string {
  if (known?.ended) return "it has no container, and its agent has given it up";
  return known?.retryAtMs === undefined
    ? "it has no container"
    : "it has no container; its agent makes one after a pause, because it failed or was removed before";
}

/** A container that nothing is booked for, with all that it may use. */
const unordered = ({ workload, name, bounds }: OwnContainer, why: string): InventoryFault => ({
  what: "unordered",
  workload,
  container: name,
  detail: `${name}: ${why}`,
  ...(bounds && {
    cpuMilli: Math.round(bounds.NanoCpus / nanosPerMilli),
    memoryMib: Math.round(bounds.Memory / bytesPerMib),
  }),
});
