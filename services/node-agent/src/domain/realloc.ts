import type { AssignmentEvent, Cause, FactEvent } from "@eru/events";
import { type EngineSettings, engineSettings } from "@eru/resources";
import type { Assigned, Order } from "./desired.ts";
import type { Addressing } from "./endpoints.ts";
import { type Entry, keptContainer } from "./entry.ts";
import type { Outcome, Report } from "./work.ts";

type Ordered = Extract<AssignmentEvent, { type: "WorkloadReallocAssigned" }>;

/** The newest order about the resources of a workload. */
export type Realloc = Pick<Ordered, "revision" | "resources" | "granted"> & { cause: Cause };

/** Facts that answer such an order. */
type ReallocFact = Extract<FactEvent, { type: "ReallocDone" | "ReallocFailed" }>;

/** What a running container can be given anew: cores and memory. */
export type Amounts = Pick<
  EngineSettings,
  "NanoCpus" | "CpuShares" | "CpusetCpus" | "CpusetMems" | "Memory" | "MemorySwap" | "MemoryReservation"
>;

/** One step at the engine; it may be repeated. */
export type ReallocAction = {
  do: "realloc";
  workload: string;
  containerId: string;
  revision: number;
  amounts: Amounts;
};

/** True for facts about resources. */
export const isReallocFact = (fact: FactEvent): fact is ReallocFact =>
  fact.type === "ReallocDone" || fact.type === "ReallocFailed";

/** Orders may come late, twice and out of order: the newest revision wins. */
export const newestRealloc = (
  current: Realloc | undefined,
  { revision, resources, granted = current?.granted }: Ordered,
  cause: Cause,
): Realloc =>
  current && current.revision >= revision
    ? current
    : { revision, resources, cause, ...(granted && { granted }) };

/** The order with the resources that are ordered last: a new container is made with them. */
export const orderNow = ({ order, realloc }: Entry): Order | undefined =>
  order?.kind === "run" ? { ...order, assigned: withNewest(order.assigned, realloc) } : order;

function withNewest(assigned: Assigned, realloc: Realloc | undefined): Assigned {
  if (!realloc || realloc.revision <= (assigned.revision ?? 0)) return assigned;
  const { revision, resources, granted } = realloc;
  return { ...assigned, revision, resources, ...(granted && { granted }) };
}

/**
 * What an order about resources asks for that has not been answered: a step, or nothing but the answer, because there is
 * no container and the next one is made so. Only while what there is of the workload is known for sure.
 */
export function dueRealloc(
  entry: Entry,
  addressing: Addressing,
  allMems: string,
): ReallocAction | { answer: number } | undefined {
  const { order, realloc, answered, lookAt, blind, busy, workload } = entry;
  if (order?.kind !== "run" || lookAt || blind || busy) return undefined;
  const assigned = withNewest(order.assigned, realloc);
  const revision = assigned.revision ?? 0;
  if (answered >= revision) return undefined;
  const kept = keptContainer(entry);
  if (!kept) return { answer: revision };
  if (kept.state === "removing" || kept.state === "dead" || kept.state === "unknown") return undefined;
  const amounts = amountsOf(assigned, addressing, allMems);
  return { do: "realloc", workload, containerId: kept.id, revision, amounts };
}

/** The kernel's weight of a container of which nothing is said. */
const sharesUsual = 1_024;

/** What a workload's container is bounded by once all that is ordered is done. */
export const orderedAmounts = (entry: Entry, addressing: Addressing): Amounts | undefined => {
  const order = orderNow(entry);
  return order?.kind === "run" ? amountsOf(order.assigned, addressing, "") : undefined;
};

/**
 * Everything is said, because an engine that is told nothing changes nothing: what is bound has a quota of all its cores,
 * which bounds nothing. The cores of what is not bound follow on their own, with those of its neighbours.
 */
function amountsOf(assigned: Assigned, { address }: Addressing, allMems: string): Amounts {
  const { workload, resources, granted = {}, template } = assigned;
  const { NanoCpus, CpuShares, CpusetCpus, CpusetMems, Memory, MemorySwap, MemoryReservation } =
    engineSettings({
      ...{ workload, resources, granted, sharedCores: [], address },
      network: template.entrypoint.network,
    });
  const cores = granted.cores && Object.keys(granted.cores).length * 1e9;
  const mems = CpusetMems ?? allMems;
  const nanos = cores ?? NanoCpus;
  return {
    ...(nanos !== undefined && { NanoCpus: nanos }),
    CpuShares: CpuShares ?? sharesUsual,
    ...(CpusetCpus !== undefined && { CpusetCpus }),
    ...(mems !== "" && { CpusetMems: mems }),
    ...(Memory !== undefined && { Memory }),
    ...(MemorySwap !== undefined && { MemorySwap }),
    ...(MemoryReservation !== undefined && { MemoryReservation }),
  };
}

/** The answer to an order, once per revision. */
export function answer(entry: Entry, node: string, revision: number, error?: string): Report {
  const of = { node, workload: entry.workload, revision };
  entry.answered = Math.max(entry.answered, revision);
  return {
    fact: error === undefined ? { type: "ReallocDone", ...of } : { type: "ReallocFailed", ...of, error },
    cause: entry.realloc?.cause ?? entry.order?.cause,
  };
}

/** What is said of a step. Of a container that went away meanwhile nothing: the next one is made as it shall be. */
export function outcomeOf(
  entry: Entry,
  node: string,
  { revision }: ReallocAction,
  outcome: Outcome,
): Report[] {
  entry.lookAt ??= new Set();
  if (outcome.is === "refused") return [answer(entry, node, revision, outcome.error)];
  return outcome.is === "done" && outcome.containers.length > 0 ? [answer(entry, node, revision)] : [];
}

/** An answer of the own history. */
export function recallAnswer(entry: Entry, { revision }: ReallocFact): void {
  entry.answered = Math.max(entry.answered, revision);
}
