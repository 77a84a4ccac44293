import { assert, type Granted, type NodeResources } from "@eru/events";
import { cpu, sharedCores } from "./cpu/cpu.ts";
import type { CpuFree } from "./cpu/free.ts";
import type { Demand } from "./demand.ts";
import type { EngineOrder, EngineSettings } from "./engine.ts";
import { gpu } from "./gpu/gpu.ts";
import type { KindName, Lack, Line, ResourceKind } from "./kind.ts";
import { type Likeness, likenessOf } from "./likeness.ts";
import { type MemoryFree, memory } from "./memory/memory.ts";
import { port } from "./port/port.ts";
import { storage } from "./storage/storage.ts";
import { volume } from "./volume/volume.ts";

/** Every kind, in the order in which rejections are told. A new kind is its folder and its name here. */
const kinds: readonly ResourceKind<unknown>[] = [cpu, memory, storage, volume, gpu, port];
const cpuAt = kinds.indexOf(cpu as ResourceKind<unknown>);
const memoryAt = kinds.indexOf(memory as ResourceKind<unknown>);

/** The names of the kinds, in their order. */
export const kindNames: readonly KindName[] = kinds.map(({ name }) => name);

/** What the engine is told, of every kind. */
export const engineSettings = (order: EngineOrder): EngineSettings =>
  Object.assign({}, ...kinds.map((kind) => kind.engine(order))) as EngineSettings;

/** Kinds that say how full a node is whatever is asked for. */
const always: ReadonlySet<KindName> = new Set(["cpu", "memory"]);

/** No part in particular. */
const nothing: Granted = {};

/** Cards and volumes that were not given again, because they are taken. Cores may be chosen otherwise all the same. */
const differing = (chosen: Granted, held: Granted): string[] =>
  (["gpus", "volumes"] as const).filter(
    (name) => JSON.stringify(chosen[name]) !== JSON.stringify(held[name]),
  );

/** What is booked on one node, of every kind. */
export class Books {
  readonly #free: unknown[];
  /** Of each kind, whether it is shared with a copy: then it is copied before it is written to. */
  readonly #shared: boolean[];
  #changes = 0;

  private constructor(free: unknown[], shared: boolean) {
    this.#free = free;
    this.#shared = kinds.map(() => shared);
  }

  /** A node on which nothing is booked. */
  static open(node: NodeResources): Books {
    return new Books(
      kinds.map((kind) => kind.open(node)),
      false,
    );
  }

  /** What is booked of each kind, as plain values, arrays, maps and sets: all that `Books.from` needs. */
  kept(): unknown[] {
    return kinds.map((kind, at) => (kind.kept ? kind.kept(this.#free[at]) : this.#free[at]));
  }

  /** The books of which `kept` told. The array is theirs from now on; it may still be filled. */
  static from(kept: unknown[]): Books {
    return new Books(kept, false);
  }

  /** The same, to try something in. */
  copy(): Books {
    this.#shared.fill(true);
    return new Books([...this.#free], true);
  }

  /** Grows with everything that is booked and given back. */
  get changes(): number {
    return this.#changes;
  }

  /** How many more workloads of the demand fit, up to `most`. */
  room(demand: Demand, most: number): number {
    let room = most;
    for (let at = 0; at < kinds.length && room > 0; at++) {
      const kind = kinds[at];
      if (kind?.asks(demand)) room = kind.room(this.#free[at], demand, room);
    }
    return room;
  }

  /** True when not one more fits for this kind. */
  rejects(name: KindName, demand: Demand): boolean {
    const at = kindNames.indexOf(name);
    const kind = kinds[at];
    return kind?.asks(demand) === true && kind.room(this.#free[at], demand, 1) < 1;
  }

  /** Why not one more fits, with the amounts. */
  why(name: KindName, demand: Demand): string {
    const at = kindNames.indexOf(name);
    return kinds[at]?.why(this.#free[at], demand) ?? name;
  }

  /** What must become free for one more, of each kind that has too little. */
  lacks(demand: Demand): Lack[] {
    return kinds.flatMap((kind, at) => (kind.asks(demand) ? (kind.lacks(this.#free[at], demand) ?? []) : []));
  }

  /** What is not free for one more with these very parts, in words; empty when it fits. */
  lacksFor(demand: Demand, granted: Granted): string[] {
    const after = this.copy();
    const amounts = kindNames.filter((name) => this.rejects(name, demand));
    if (amounts.length > 0) return amounts.map((name) => this.why(name, demand));
    after.book(demand, granted);
    const over = after.lines().filter(({ size, booked }) => booked > size);
    const before = new Map(this.lines().map((line) => [`${line.kind} ${line.name}`, line.booked]));
    const short = over
      .filter(({ kind, name, booked }) => booked > (before.get(`${kind} ${name}`) ?? 0))
      .map(({ name, size, booked, unit }) => `${name}: ${booked - size} ${unit} too few`);
    const [others] = short.length > 0 ? [] : this.choose(demand, 1, granted);
    const taken = [...(others ? differing(others, granted) : [])];
    return [...short, ...taken.map((kind) => `its ${kind} are others' now`)];
  }

  /**
   * Which parts each of `many` workloads gets, `many` being within `room`; nothing is booked. What one `held` before it
   * gets again where that is possible.
   */
  choose(demand: Demand, many: number, held?: Granted): readonly Granted[] {
    const chosen = kinds.flatMap((kind, at) =>
      kind.chooses(demand) ? [kind.choose(this.#free[at], demand, many, held)] : [],
    );
    for (const parts of chosen)
      assert(parts.length >= many, `parts for ${parts.length} of ${many} workloads, which were to fit`);
    const [only] = chosen;
    if (only && chosen.length === 1) return only.length === many ? only : only.slice(0, many);
    return Array.from({ length: many }, (_, index) =>
      Object.assign({}, ...chosen.map((parts) => parts[index])),
    );
  }

  /**
   * Chooses for `many` workloads, `many` being within `room`, and books them. Undefined: none gets a part in particular, so
   * that a million cost no more than one.
   */
  take(demand: Demand, many: number): readonly Granted[] | undefined {
    if (!kinds.some((kind) => kind.chooses(demand))) {
      this.#book(demand, nothing, many);
      return undefined;
    }
    const granted = this.choose(demand, many);
    for (const [at, kind] of kinds.entries()) {
      if (!kind.asks(demand)) continue;
      const free = this.#own(at, kind);
      if (kind.bookAll) kind.bookAll(free, demand, granted);
      else if (!kind.chooses(demand)) kind.book(free, demand, nothing, many);
      else for (const parts of granted) kind.book(free, demand, parts, 1);
    }
    return granted;
  }

  /** Books a workload. Total, whatever is free: what is recorded happened. */
  book(demand: Demand, granted: Granted = nothing): void {
    this.#book(demand, granted, 1);
  }

  /** Returns what `book` took, with the same arguments. */
  giveBack(demand: Demand, granted: Granted = nothing): void {
    this.#book(demand, granted, -1);
  }

  #book(demand: Demand, granted: Granted, times: number): void {
    for (const [at, kind] of kinds.entries()) {
      if (!kind.asks(demand) && granted === nothing) continue;
      kind.book(this.#own(at, kind), demand, granted, times);
    }
  }

  /** What is free of the kind, to be written to. */
  #own(at: number, kind: ResourceKind<unknown>): unknown {
    this.#changes++;
    if (this.#shared[at]) this.#free[at] = kind.copy(this.#free[at]);
    this.#shared[at] = false;
    return this.#free[at];
  }

  /**
   * How full the node is once `more` workloads of the demand are on it and `leaving` are gone: the weighted mean of its
   * kinds. Computed from whole amounts, never added up, so that equal nodes stay exactly equal.
   */
  usage(demand: Demand, leaving: number): (more: number) => number {
    const loads = kinds.flatMap((kind, at) => {
      if (!always.has(kind.name) && !kind.asks(demand)) return [];
      const weight = kind.weight(demand);
      return weight > 0 ? [{ weight, ...kind.load(this.#free[at], demand) }] : [];
    });
    const weights = loads.reduce((sum, { weight }) => sum + weight, 0);
    return (more) =>
      loads.reduce((sum, { weight, size, booked, each }) => {
        const part = size > 0 ? Math.max(0, booked + each * (more - leaving)) / size : 1;
        return sum + weight * part;
      }, 0) / weights;
  }

  /** How what is free stands to the demand once `leaving` of it are gone; every kind counts alike. */
  likeness(demand: Demand, leaving: number): Likeness {
    return likenessOf(
      kinds.map((kind, at) => kind.load(this.#free[at], demand)),
      leaving,
    );
  }

  /** Cores and memory that are booked, in whole numbers. */
  get booked(): { milli: number; mib: number } {
    const { booked: milli } = this.#free[cpuAt] as CpuFree;
    const { booked: mib } = this.#free[memoryAt] as MemoryFree;
    return { milli, mib };
  }

  /** The cores for workloads that are not bound; none: every core. */
  sharedCores(): string[] {
    return sharedCores(this.#free[cpuAt] as CpuFree);
  }

  /** Everything that can be booked, with what is booked, for people. */
  lines(): Line[] {
    return kinds.flatMap((kind, at) => kind.lines(this.#free[at]));
  }
}
