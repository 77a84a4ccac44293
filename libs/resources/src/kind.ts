import type { Granted, NodeResources } from "@eru/events";
import type { Demand } from "./demand.ts";
import type { EngineOrder, EngineSettings } from "./engine.ts";

/** The kinds of resources. A name is also the name of the filter that rejects a node for it. */
export type KindName = "cpu" | "memory" | "storage" | "volume" | "gpu" | "port";

/** How much of a node is booked of something, and what each workload of a demand would add. */
export type Load = { size: number; booked: number; each: number };

/** What is missing for one workload: in words, and as a part of what it asks for. */
export type Lack = { text: string; part: number };

/** Something of a node that can be booked, for people. Free is below zero when a user lowered what is booked already. */
export type Line = {
  kind: KindName;
  /** Which one, where a node has several: `core 0`, `/mnt/a`, a product. */
  name: string;
  unit: "cores" | "MiB" | "pieces" | "cards" | "IOPS" | "bytes/s" | "port";
  size: number;
  booked: number;
};

/**
 * One kind of resource: everything that is particular to it, and nothing of any other. `Free` is what the kind remembers
 * of one node; only `book` changes it. Pure otherwise: the same arguments give the same answer.
 */
export interface ResourceKind<Free> {
  readonly name: KindName;
  /** False when the demand asks for nothing of this kind: nothing else is asked then, save `book` and `lines`. */
  asks(demand: Demand): boolean;
  /** False when one part is like the other, so that none need be chosen. */
  chooses(demand: Demand): boolean;
  /** A node on which nothing is booked. */
  open(node: NodeResources): Free;
  copy(free: Free): Free;
  /** What must be kept of it when it is written down; absent where that is all: plain values, arrays, maps and sets. */
  kept?(free: Free): Free;
  /** How many more workloads of the demand fit, up to `most`. Computed from amounts where the kind allows it. */
  room(free: Free, demand: Demand, most: number): number;
  /** Why not one more fits, with the amounts: "memory: 512 MiB wanted, 100 of 2048 MiB free". */
  why(free: Free, demand: Demand): string;
  /** What must become free for one more; undefined when it fits. */
  lacks(free: Free, demand: Demand): Lack | undefined;
  /**
   * Which parts each of `many` workloads gets; one entry for each, as long as `many` is within `room`. What was `held`
   * before is given again where that is possible. Not asked when the kind does not choose.
   */
  choose(free: Free, demand: Demand, many: number, held: Granted | undefined): readonly Granted[];
  /** Books `times` workloads; below zero gives them back. Total: what is recorded happened. */
  book(free: Free, demand: Demand, granted: Granted, times: number): void;
  /** Books one workload for each of `all`, as `book` would one after the other; absent where one amount is like the other. */
  bookAll?(free: Free, demand: Demand, all: readonly Granted[]): void;
  load(free: Free, demand: Demand): Load;
  /** How much its load counts beside the others. */
  weight(demand: Demand): number;
  lines(free: Free): Line[];
  /** How the engine is told. No two kinds set the same thing. */
  engine(order: EngineOrder): EngineSettings;
}

/** How often `each` fits into what is free. */
export const times = (free: number, each: number, most: number): number =>
  each > 0 ? Math.max(0, Math.min(most, Math.floor(free / each))) : most;
