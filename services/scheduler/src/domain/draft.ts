import type { AssignmentEvent, Cause, DecisionEvent, Granted } from "@eru/events";
import type { Books } from "@eru/resources";
import type { Amounts } from "./amounts.ts";
import { addHold, type Hold, type Holds } from "./held.ts";
import { decisionActionsMax } from "./limits.ts";
import { noteChange, noteSpread } from "./standings.ts";
import type { Deployment, Liveness, Node, Pod, Workload, Zone } from "./zone.ts";

/** A decision of a pass. Its cause is known, or an earlier decision of the same pass (by index), or it begins a chain. */
export type Decided = { event: DecisionEvent; cause: Cause | number | "begins" };

/** An order to a node and the decision, by index, that it carries out. */
export type Order = { event: AssignmentEvent; decision: number };

/** What a pass may do and what it knows besides the log. */
export type Signals = {
  /** Heartbeats that began, stopped or came back. */
  liveness: readonly LivenessChange[];
  /** Load balancers alive now, and the table each has applied. */
  elbs: ReadonlyMap<string, number>;
  /** Draining workloads that may stop now. */
  stops: ReadonlyMap<string, "drained" | "drain_deadline" | "not_routed" | "node_lost">;
  /** Upgrades with a workload that is not healthy in time. */
  stalled: ReadonlyMap<string, { workload: string; afterMs: number }>;
  /** Deployments in which a replacement has been healthy for long enough. */
  steady: ReadonlySet<string>;
  /** Nodes whose drain has taken longer than it may. */
  overdue: ReadonlySet<string>;
  /** Deployments that have waited for room as long as they may. */
  waitedOut: ReadonlySet<string>;
};

export type LivenessChange =
  | { node: string; to: "suspect" | "lost"; silentMs: number }
  | { node: string; to: "alive" }
  | { held: readonly string[]; nodesTotal: number };

/** Nothing but the log. */
export const noSignals: Signals = {
  liveness: [],
  elbs: new Map(),
  stops: new Map(),
  stalled: new Map(),
  steady: new Set(),
  overdue: new Set(),
  waitedOut: new Set(),
};

export type PassOptions = {
  /** Milliseconds a drain may take. */
  drainDeadlineMs: number;
  /** Actions (a workload placed or removed) in one pass. */
  actionsMax: number;
};

/**
 * A pass in the making: the zone as it was read, and over it what the pass has decided so far, so that the next
 * deployment sees the room the one before took. The zone itself changes only when the log says so.
 */
export class Draft {
  readonly zone: Zone;
  readonly pod: Pod;
  readonly signals: Signals;
  readonly options: PassOptions;
  readonly decisions: Decided[] = [];
  readonly orders: Order[] = [];
  readonly going = new Set<Workload>();
  /** Workloads whose change this pass began. */
  readonly began = new Set<Workload>();
  /** Workloads that this pass does not move although a rebalancing asked. */
  readonly stays = new Set<Workload>();
  /** Deployments of which the pass has said on how many nodes they have a set, or that it is as it was. */
  readonly noted = new Set<Deployment>();
  /** Deployments the pass had no room left for. */
  readonly unfinished = new Set<Deployment>();
  /** A node that is looked at as if it were being drained: a forecast. */
  drainedNode: string | undefined;
  /** Nodes that are held for somebody who waits. */
  holds: Holds = new Map();
  /** Deployments that may displace others and have found no room: for how many, of which template. */
  readonly short = new Map<Deployment, { waiting: number; version: number }>();
  /** Room, counts or nodes are other ones than at the beginning: those that wait are worth a look. */
  stirred = false;
  /** The NodeLost decisions of this pass. */
  nodeLost: number | undefined;
  #actions = 0;
  readonly #liveness = new Map<string, Liveness>();
  readonly #books = new Map<string, Books>();
  readonly #moves = new Map<Node, number>();
  readonly #spread = new Map<string, Map<string, number>>();
  readonly #placed = new Map<string, Map<string, number>>();
  readonly #ordered = new Map<Workload, number>();

  constructor(zone: Zone, pod: Pod, signals: Signals, options: PassOptions) {
    this.zone = zone;
    this.pod = pod;
    this.signals = signals;
    this.options = options;
  }

  /** The same pass so far, to try something in that is not decided. */
  fork(): Draft {
    const draft = new Draft(this.zone, this.pod, this.signals, this.options);
    draft.drainedNode = this.drainedNode;
    draft.holds = this.holds;
    for (const [node, liveness] of this.#liveness) draft.#liveness.set(node, liveness);
    for (const [node, books] of this.#books) draft.#books.set(node, books.copy());
    for (const [key, nodes] of this.#spread) draft.#spread.set(key, new Map(nodes));
    for (const [key, nodes] of this.#placed) draft.#placed.set(key, new Map(nodes));
    return draft;
  }

  /** Holds a node for somebody from now on. */
  hold(node: Node, hold: Hold): void {
    const holds = new Map([...this.holds].map(([held, by]) => [held, [...by]]));
    addHold(holds, node, hold);
    this.holds = holds;
  }

  /** Holds nodes no longer for those who are named. */
  dropHolds(named: (hold: Hold, node: Node) => boolean): void {
    this.holds = new Map([...this.holds].map(([node, by]) => [node, by.filter((one) => !named(one, node))]));
  }

  /** How many more actions of this cost the pass, and one decision of it, can hold. */
  affordable(cost: number): number {
    const left = Math.min(this.options.actionsMax - this.#actions, decisionActionsMax);
    return Math.max(0, Math.floor(left / cost));
  }

  spend(actions: number): void {
    this.#actions += actions;
  }

  decide(event: DecisionEvent, cause: Decided["cause"]): number {
    return this.decisions.push({ event, cause }) - 1;
  }

  order(event: AssignmentEvent, decision: number): void {
    this.orders.push({ event, decision });
  }

  /** The generation of the next order about a workload: a pass may give one to change it and one to stop it. */
  nextGeneration(workload: Workload): number {
    const generation = (this.#ordered.get(workload) ?? workload.generation) + 1;
    this.#ordered.set(workload, generation);
    return generation;
  }

  setLiveness(node: string, liveness: Liveness): void {
    this.#liveness.set(node, liveness);
    noteChange(this, node);
    this.stirred = true;
  }

  livenessOf(node: Node): Liveness {
    return this.#liveness.get(node.name) ?? node.liveness;
  }

  /** Whether everything on the node shall be moved elsewhere now. */
  drains(node: Node): boolean {
    if (node.name === this.drainedNode) return true;
    return node.drain !== undefined && !node.drain.paused && !this.signals.overdue.has(node.name);
  }

  /** Whether nothing new may be placed there because of a drain, a paused one included. */
  closed(node: Node): boolean {
    return node.drain !== undefined || node.name === this.drainedNode;
  }

  /** Notes replacements on their way for what is on a draining node. */
  move(node: Node, change: number): void {
    this.#moves.set(node, (this.#moves.get(node) ?? 0) + change);
  }

  /** Replacements that this pass has sent on their way for what is on the node. */
  moves(node: Node): number {
    return this.#moves.get(node) ?? 0;
  }

  /** What is booked on a node, with what the pass has placed there; not to be written to. */
  booksOf(node: Node): Books {
    return this.#books.get(node.name) ?? node.books;
  }

  /** Returns what a workload holds, as if it were gone. */
  release({ node, amounts, booked }: Workload): void {
    this.stirred = true;
    const books = this.#books.get(node.name) ?? node.books.copy();
    this.#books.set(node.name, books);
    books.giveBack(amounts, booked);
    noteChange(this, node.name);
  }

  /** Books something else for a workload than what it holds. */
  exchange(workload: Workload, { amounts, booked }: Pick<Workload, "amounts" | "booked">): void {
    this.release(workload);
    this.#books.get(workload.node.name)?.book(amounts, booked);
  }

  /** Gives so many workloads their parts of the node, within its room, and books them; undefined: none in particular. */
  book(node: Node, amounts: Amounts, many: number): readonly Granted[] | undefined {
    this.stirred = true;
    const books = this.#books.get(node.name) ?? node.books.copy();
    this.#books.set(node.name, books);
    const granted = books.take(amounts, many);
    noteChange(this, node.name);
    return granted;
  }

  /** Books these parts of the node and no others. */
  bookAs(node: Node, amounts: Amounts, granted: Granted): void {
    const books = this.#books.get(node.name) ?? node.books.copy();
    this.#books.set(node.name, books);
    books.book(amounts, granted);
    noteChange(this, node.name);
  }

  /** Nodes on which the pass has placed something. */
  bookedNodes(): Node[] {
    return [...this.#books.keys()].flatMap((name) => this.pod.nodes.get(name) ?? []);
  }

  /** Workloads of an app and entrypoint on a node, as AUTO counts them. */
  countOn(key: string, node: string): number {
    return this.countsOf(key)(node);
  }

  /** Workloads of an app and entrypoint by node, as they are now. */
  countsOf(key: string): (node: string) => number {
    const recorded = this.zone.spread.get(key);
    const drafted = this.#spread.get(key);
    if (!drafted) return recorded ? (node) => recorded.get(node) ?? 0 : () => 0;
    if (!recorded) return (node) => drafted.get(node) ?? 0;
    return (node) => (recorded.get(node) ?? 0) + (drafted.get(node) ?? 0);
  }

  /** What the pass has changed of the workloads of an app and entrypoint, by node. */
  changesOf(key: string): ReadonlyMap<string, number> | undefined {
    return this.#spread.get(key);
  }

  /** Every `<app>/<entrypoint>` of which workloads may be somewhere. */
  spreadKeys(): Set<string> {
    return new Set([...this.zone.spread.keys(), ...this.#spread.keys()]);
  }

  spread(key: string, node: string, change: number): void {
    this.stirred = true;
    const nodes = this.#spread.get(key) ?? new Map<string, number>();
    this.#spread.set(key, nodes);
    nodes.set(node, (nodes.get(node) ?? 0) + change);
    noteSpread(this, { key, node, change });
    if (change <= 0) return;
    const placed = this.#placed.get(key) ?? new Map<string, number>();
    this.#placed.set(key, placed);
    placed.set(node, (placed.get(node) ?? 0) + change);
  }

  /** Workloads of an app and entrypoint that this pass has placed on a node. */
  placedOn(key: string, node: string): number {
    return this.#placed.get(key)?.get(node) ?? 0;
  }

  /** The workloads of a deployment that shall stay, oldest first. */
  staying(deployment: Deployment): Workload[] {
    return [...deployment.workloads.values()].filter((one) => !one.going && !this.going.has(one));
  }
}
