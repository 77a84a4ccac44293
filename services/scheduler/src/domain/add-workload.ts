import type { Granted, Resources } from "@eru/events";
import { type Amounts, bookOn } from "./amounts.ts";
import { momentOf } from "./moment.ts";
import { addToSpread, type Deployment, type Node, podOf, type Workload, type Zone } from "./zone.ts";

/** What a decision says of a workload that comes to a node. */
export type Arriving = {
  id: string;
  deployment: Deployment;
  node: Node;
  version: number;
  /** Of the decision that brings it. */
  placedSeq: number;
  amounts: Amounts;
  granted: Granted;
  resources: Resources;
  revision: number;
  generation: number;
  /** The workload in whose place it comes. */
  replaces?: string | undefined;
};

/** Of the many workloads that never drained. */
const noDrains: ReadonlySet<string> = new Set();
const nothingDrained: ReadonlyMap<string, number> = new Map();

/** The number of a workload in its deployment. */
export const numberOf = (deployment: Deployment, id: string): number =>
  Number(id.slice(deployment.id.length + 1));

/** Takes a workload into the zone and books its resources: the only place that does. */
export function addWorkload(zone: Zone, arriving: Arriving): Workload {
  const { id, deployment, node } = arriving;
  // Member by member: of a million of them, a spread would make objects of the slow kind.
  const workload: Workload = {
    id,
    n: numberOf(deployment, id),
    deployment,
    node,
    version: arriving.version,
    placedSeq: arriving.placedSeq,
    amounts: arriving.amounts,
    resources: arriving.resources,
    revision: arriving.revision,
    granted: arriving.granted,
    booked: arriving.granted,
    generation: arriving.generation,
    replaces: arriving.replaces,
    wished: undefined,
    realloc: undefined,
    phase: "assigned",
    awaitedSince: momentOf(zone),
    healthySeq: 0,
    failure: "",
    going: undefined,
    stopping: false,
    asked: undefined,
    move: undefined,
    change: undefined,
    stopped: false,
    parting: undefined,
    adopting: undefined,
    drain: undefined,
    pastDrains: noDrains,
    drainedBy: nothingDrained,
    counted: true,
  };
  zone.workloads.set(id, workload);
  deployment.workloads.set(id, workload);
  node.workloads.add(workload);
  bookOn(node, workload);
  if (workload.granted.cores) podOf(zone, deployment.pod).bound.add(node);
  addToSpread(zone, deployment.key, node.name, 1);
  return workload;
}
