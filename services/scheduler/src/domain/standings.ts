import type { Books } from "@eru/resources";
import type { Draft } from "./draft.ts";
import { type Standing, standingOf, type Wish } from "./filters.ts";
import { changesOf, type Node, type Pod } from "./zone.ts";

/** Kinds of wishes that are remembered for a pod at a time. */
const columnsMax = 64;

/** All of a node that its standing follows from. Every part is replaced when it changes, save the books, which count. */
type Row = {
  node: Node;
  labels: Node["labels"];
  given: Node["given"];
  observed: Node["agent"]["observed"];
  cordoned: string | undefined;
  closed: boolean;
  liveness: Node["liveness"];
  engineError: string | undefined;
  books: Books;
  booked: number;
  /** Grows when any of it is another. */
  version: number;
};

/** How many workloads of an app and entrypoint are on each node, and when that was found. */
type Recorded = { nodes: ReadonlyMap<string, number>; changes: number; counts: Int32Array };

const nowhere: ReadonlyMap<string, number> = new Map();

type SpreadChange = { key: string; node: string; change: number };

/** The standings of all nodes for one kind of wish, each with the version of the row it was found at. */
type Column = { seen: Uint32Array; standings: Standing[] };

/**
 * What every node of a pod is worth to each kind of wish, kept from one placing to the next and from pass to pass. A node
 * is looked at anew when something its standing follows from is another: found by comparing, so that nobody who changes a
 * node need know of it.
 */
class Standings {
  #rows: Row[] = [];
  #nodes: Node[] = [];
  #orders = new Uint32Array();
  readonly #at = new Map<string, number>();
  readonly #columns = new Map<string, Column>();
  /** Per `<app>/<entrypoint>`, workloads on each of the nodes as the log says, and as the draft sees them. */
  readonly #recorded = new Map<string, Recorded>();
  readonly #counts = new Map<string, Int32Array>();
  /** Whose view the rows show. */
  #draft: Draft | undefined;

  /** Takes over the view of a draft; without effect when it is its already. */
  show(draft: Draft): this {
    if (this.#draft === draft) return this;
    this.#draft = draft;
    this.#counts.clear();
    let at = 0;
    for (const node of draft.pod.nodes.values()) {
      const row = this.#rows[at];
      if (row?.node !== node) return this.#anew(draft);
      refresh(row, draft);
      at++;
    }
    return at === this.#rows.length ? this : this.#anew(draft);
  }

  /** The draft changed what it knows of a node. */
  note(draft: Draft, name: string): void {
    if (this.#draft !== draft) return;
    const row = this.#rows[this.#at.get(name) ?? -1];
    if (row) refresh(row, draft);
  }

  /** The draft placed or removed something. */
  noteSpread(draft: Draft, { key, node, change }: SpreadChange): void {
    if (this.#draft !== draft) return;
    const counts = this.#counts.get(key);
    const at = this.#at.get(node);
    if (counts && at !== undefined) counts[at] = (counts[at] as number) + change;
  }

  /** Workloads of an app and entrypoint on each of the nodes, as the draft sees them. */
  countsOf(key: string, draft: Draft): Int32Array {
    const known = this.#counts.get(key);
    if (known) return known;
    const counts = this.#recordedOf(key, draft).slice();
    for (const [node, change] of draft.changesOf(key) ?? []) {
      const at = this.#at.get(node);
      if (at !== undefined) counts[at] = (counts[at] as number) + change;
    }
    if (this.#counts.size >= columnsMax) this.#counts.clear();
    this.#counts.set(key, counts);
    return counts;
  }

  /** The nodes, in the order of the pod. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** The place of each of the nodes among all by name. */
  get orders(): Uint32Array {
    return this.#orders;
  }

  /** The standing of each of the nodes. An object that is the same as before says that nothing of it is another. */
  of(wish: Wish, draft: Draft): readonly Standing[] {
    const { seen, standings } = this.#column(wish);
    for (let at = 0; at < this.#rows.length; at++) {
      const { node, version } = this.#rows[at] as Row;
      if (seen[at] === version) continue;
      standings[at] = standingOf(node, wish, draft);
      seen[at] = version;
    }
    return standings;
  }

  #recordedOf(key: string, { zone }: Draft): Int32Array {
    const nodes = zone.spread.get(key) ?? nowhere;
    const changes = changesOf(nodes);
    const known = this.#recorded.get(key);
    if (known?.nodes === nodes && known.changes === changes) return known.counts;
    const counts = new Int32Array(this.#nodes.length);
    for (const [node, count] of nodes) {
      const at = this.#at.get(node);
      if (at !== undefined) counts[at] = count;
    }
    if (this.#recorded.size >= columnsMax) this.#recorded.clear();
    this.#recorded.set(key, { nodes, changes, counts });
    return counts;
  }

  #column(wish: Wish): Column {
    const key = keyOf(wish);
    const known = this.#columns.get(key);
    if (known) return known;
    if (this.#columns.size >= columnsMax) this.#columns.clear();
    const column: Column = {
      seen: new Uint32Array(this.#rows.length),
      standings: [],
    };
    this.#columns.set(key, column);
    return column;
  }

  #anew(draft: Draft): this {
    this.#columns.clear();
    this.#recorded.clear();
    this.#at.clear();
    this.#nodes = [...draft.pod.nodes.values()];
    this.#orders = new Uint32Array(this.#nodes.length);
    const byName = this.#nodes
      .map(({ name }, at) => ({ name, at }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [order, { at }] of byName.entries()) this.#orders[at] = order;
    this.#rows = this.#nodes.map((node, at) => {
      this.#at.set(node.name, at);
      return rowOf(node, draft);
    });
    return this;
  }
}

/** A row that no node has been looked at for. */
const rowOf = (node: Node, draft: Draft): Row => ({
  node,
  labels: node.labels,
  given: node.given,
  observed: node.agent.observed,
  cordoned: node.cordoned,
  closed: draft.closed(node),
  liveness: draft.livenessOf(node),
  engineError: node.agent.engineError,
  books: draft.booksOf(node),
  booked: draft.booksOf(node).changes,
  version: 1,
});

/** Member by member: a pass that places on ten thousand nodes comes here for each. */
function refresh(row: Row, draft: Draft): void {
  const { node } = row;
  const books = draft.booksOf(node);
  const closed = draft.closed(node);
  const liveness = draft.livenessOf(node);
  const booked = books.changes;
  if (
    row.books === books &&
    row.booked === booked &&
    row.labels === node.labels &&
    row.given === node.given &&
    row.observed === node.agent.observed &&
    row.cordoned === node.cordoned &&
    row.closed === closed &&
    row.liveness === liveness &&
    row.engineError === node.agent.engineError
  )
    return;
  row.books = books;
  row.booked = booked;
  row.labels = node.labels;
  row.given = node.given;
  row.observed = node.agent.observed;
  row.cordoned = node.cordoned;
  row.closed = closed;
  row.liveness = liveness;
  row.engineError = node.agent.engineError;
  row.version++;
}

/** Everything of a wish that a standing follows from. */
const keyOf = ({ amounts, includes, excludes, labels, constraints, tolerates, spread }: Wish): string =>
  // The spread is part of it for what is remembered of a node as a candidate.
  JSON.stringify([amounts, [...includes], [...excludes], labels, constraints, tolerates, spread?.label]);

const byPod = new WeakMap<Pod, Standings>();

/** The standings of a pod's nodes as the draft sees them. */
export function standingsOf(draft: Draft): Standings {
  const known = byPod.get(draft.pod) ?? new Standings();
  byPod.set(draft.pod, known);
  return known.show(draft);
}

/** Tells that a draft changed where workloads are. */
export const noteSpread = (draft: Draft, change: SpreadChange): void =>
  byPod.get(draft.pod)?.noteSpread(draft, change);

/** Tells that a draft changed what it knows of a node. */
export const noteChange = (draft: Draft, name: string): void => byPod.get(draft.pod)?.note(draft, name);
