import type { Books } from "@eru/resources";
import type { Draft } from "./draft.ts";
import { type Standing, standingOf, type Wish } from "./filters.ts";
import type { Node, Pod } from "./zone.ts";

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
  /** Whose view the rows show. */
  #draft: Draft | undefined;

  /** Takes over the view of a draft; without effect when it is its already. */
  show(draft: Draft): this {
    if (this.#draft === draft) return this;
    this.#draft = draft;
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
    this.#at.clear();
    this.#nodes = [...draft.pod.nodes.values()];
    this.#orders = new Uint32Array(this.#nodes.length);
    const byName = this.#nodes
      .map(({ name }, at) => ({ name, at }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [order, { at }] of byName.entries()) this.#orders[at] = order;
    this.#rows = this.#nodes.map((node, at) => {
      this.#at.set(node.name, at);
      return { node, ...viewOf(node, draft), version: 1 };
    });
    return this;
  }
}

const viewOf = (node: Node, draft: Draft): Omit<Row, "node" | "version"> => {
  const books = draft.booksOf(node);
  return {
    labels: node.labels,
    given: node.given,
    observed: node.agent.observed,
    cordoned: node.cordoned,
    closed: draft.closed(node),
    liveness: draft.livenessOf(node),
    engineError: node.agent.engineError,
    books,
    booked: books.changes,
  };
};

function refresh(row: Row, draft: Draft): void {
  const { node } = row;
  const books = draft.booksOf(node);
  if (
    row.books === books &&
    row.booked === books.changes &&
    row.labels === node.labels &&
    row.given === node.given &&
    row.observed === node.agent.observed &&
    row.cordoned === node.cordoned &&
    row.closed === draft.closed(node) &&
    row.liveness === draft.livenessOf(node) &&
    row.engineError === node.agent.engineError
  )
    return;
  Object.assign(row, viewOf(node, draft));
  row.version++;
}

/** Everything of a wish that a standing follows from. */
const keyOf = ({ amounts, includes, excludes, labels, constraints, tolerates }: Wish): string =>
  JSON.stringify([amounts, [...includes], [...excludes], labels, constraints, tolerates]);

const byPod = new WeakMap<Pod, Standings>();

/** The standings of a pod's nodes as the draft sees them. */
export function standingsOf(draft: Draft): Standings {
  const known = byPod.get(draft.pod) ?? new Standings();
  byPod.set(draft.pod, known);
  return known.show(draft);
}

/** Tells that a draft changed what it knows of a node. */
export const noteChange = (draft: Draft, name: string): void => byPod.get(draft.pod)?.note(draft, name);
