import {
  type Affinity,
  type Constraint,
  meets,
  type NodeFilter,
  type NodeRejection,
  type Preference,
  type Spread,
  type Strategy,
  wantedBy,
} from "@eru/events";
import { kindNames } from "@eru/resources";
import { affinityText, type Nearness, nearness } from "./affinity.ts";
import type { Amounts } from "./amounts.ts";
import type { Draft } from "./draft.ts";
import { holderOf } from "./held.ts";
import { capacityMax } from "./limits.ts";
import type { WeighedCandidate } from "./share-out.ts";
import { untolerated } from "./taints.ts";
import type { Rank } from "./turn.ts";
import { isCapacityKnown, type Node } from "./zone.ts";

/** What shall be placed. */
export type Wish = {
  /** Who wishes it; a dry run is of nobody yet. */
  deployment: string | undefined;
  rank: Rank;
  /** `<app>/<entrypoint>`. */
  key: string;
  amounts: Amounts;
  strategy: Strategy;
  nodesLimit: number;
  /** Only these nodes, when not empty. */
  includes: ReadonlySet<string>;
  excludes: ReadonlySet<string>;
  labels: NodeFilter["labels"];
  constraints: readonly Constraint[];
  /** Taints that do not matter. */
  tolerates: readonly string[];
  affinity: readonly Affinity[];
  prefer: readonly Preference[];
  spread: Spread | undefined;
  /** Of a strategy that counts per node. */
  sets: NeedsPerNode | undefined;
  /** Workloads per node that an upgrade is about to retire: they count neither for the spread nor for nodesLimit. */
  retiring: ReadonlyMap<string, number>;
};

/** What nodes lack of their sets. */
type NeedsPerNode = {
  perNode: number;
  /** By name, how many more each node shall have; in the order in which they are served. */
  needs: ReadonlyMap<string, number>;
  /** The nodes that have a set, or shall have one. */
  chosen: ReadonlySet<string>;
  /** Nodes that are missing. */
  lacking: number;
  /** Every node that fits is chosen. */
  everywhere: boolean;
};

export type FilterName = NodeRejection["filter"];

type Filter = {
  name: FilterName;
  /** False when it rejects no node whatever the node; absent: it always has to be asked. */
  matters?: (wish: Wish) => boolean;
  fails: (node: Node, wish: Wish, draft: Draft) => boolean;
  /** A sentence with the amounts. */
  detail: (node: Node, wish: Wish, draft: Draft) => string;
};

/** Workloads on the node as the wish counts them. */
export const countFor = (wish: Wish, node: Node, draft: Draft): number =>
  Math.max(0, draft.countOn(wish.key, node.name) - (wish.retiring.get(node.name) ?? 0));

const wrongLabel = (node: Node, { labels }: Wish): string | undefined =>
  Object.keys(labels).find((name) => node.labels[name] !== labels[name]);

/** Names of objects are no labels: `constructor` is not set on a node. */
const labelOf = ({ labels }: Node, name: string): string | undefined =>
  Object.hasOwn(labels, name) ? labels[name] : undefined;

const unmet = (node: Node, { constraints }: Wish): Constraint | undefined =>
  constraints.find((constraint) => !meets(constraint, labelOf(node, constraint.label)));

const nearnessOf = new WeakMap<Wish, readonly Nearness[]>();

/** Where the workloads are that the wish's affinities are about; seen once for a wish, which is for one placing. */
export function affinitiesOf(wish: Wish, draft: Draft): readonly Nearness[] {
  const known = nearnessOf.get(wish) ?? nearness(draft, wish.affinity, wish.key);
  nearnessOf.set(wish, known);
  return known;
}

const unlike = (node: Node, wish: Wish, draft: Draft): Nearness | undefined =>
  affinitiesOf(wish, draft).find(
    ({ affinity: { rule }, near }) => (rule === "must" && !near(node)) || (rule === "must_not" && near(node)),
  );

/** Characters of a constraint in a reason: it may list many values. */
const wantedMax = 300;

const unmetText = (node: Node, constraint: Constraint): string => {
  const has = labelOf(node, constraint.label);
  return `label ${constraint.label}: ${wantedBy(constraint).slice(0, wantedMax)} wanted, ${has === undefined ? "not set" : `"${has}" set`}`;
};

/** Who listens on the ports, of those that are there already. */
function holdersOf({ workloads }: Node, { ports }: Amounts): string {
  const holders = [...workloads].filter(({ granted }) => granted.ports?.some((port) => ports.includes(port)));
  return holders.length > 0 ? ` by ${listed(holders.map(({ id }) => id))}` : "";
}

/** Why a node gets no more of a set. */
function setText(node: Node, { sets, amounts }: Wish, draft: Draft): string {
  if (!sets) return "set";
  if (sets.chosen.has(node.name)) return `set: it has what it shall have, ${sets.perNode} per node`;
  if (sets.lacking === 0) return "set: other nodes were chosen";
  return `set: room for ${draft.booksOf(node).room(amounts, capacityMax)} of a set of ${sets.perNode}`;
}

/** Whether a node gets none of the sets. */
const hasNoNeed = ({ name }: Node, { needs, everywhere, chosen }: NeedsPerNode): boolean =>
  (needs.get(name) ?? 0) === 0 && !(everywhere && !chosen.has(name));

// Choice before state before room. The order changes only the explanation, never the answer.
const filters: readonly Filter[] = [
  {
    name: "not_included",
    matters: ({ includes }) => includes.size > 0,
    fails: ({ name }, { includes }) => includes.size > 0 && !includes.has(name),
    detail: (_node, { includes }) => `only ${listed([...includes])} may be chosen`,
  },
  {
    name: "excluded",
    matters: ({ excludes }) => excludes.size > 0,
    fails: ({ name }, { excludes }) => excludes.has(name),
    detail: () => "excluded by the request",
  },
  {
    name: "label",
    matters: ({ labels }) => Object.keys(labels).length > 0,
    fails: (node, wish) => wrongLabel(node, wish) !== undefined,
    detail: (node, wish) => {
      const name = wrongLabel(node, wish) ?? "";
      const has = node.labels[name];
      return `label ${name}: "${wish.labels[name]}" wanted, ${has === undefined ? "not set" : `"${has}" set`}`;
    },
  },
  {
    name: "constraint",
    matters: ({ constraints }) => constraints.length > 0,
    fails: (node, wish) => unmet(node, wish) !== undefined,
    detail: (node, wish) => {
      const constraint = unmet(node, wish);
      return constraint ? unmetText(node, constraint) : "constraint";
    },
  },
  {
    name: "taint",
    fails: ({ labels }, { tolerates }) => untolerated(labels, tolerates) !== undefined,
    detail: ({ labels }, { tolerates }) =>
      `taint ${untolerated(labels, tolerates)}: not tolerated by the request`,
  },
  {
    name: "affinity",
    fails: (node, wish, draft) => unlike(node, wish, draft) !== undefined,
    detail: (node, wish, draft) => {
      const found = unlike(node, wish, draft);
      if (!found) return "affinity";
      const { affinity } = found;
      return `affinity: ${affinity.rule === "must" ? affinityText(affinity) : `no ${affinityText(affinity).slice(2)}`} wanted`;
    },
  },
  {
    name: "cordoned",
    fails: ({ cordoned }) => cordoned !== undefined,
    detail: ({ cordoned }) => (cordoned ? `cordoned: ${cordoned}` : "cordoned"),
  },
  {
    name: "draining",
    fails: (node, _wish, draft) => draft.closed(node),
    detail: ({ drain }) =>
      `being drained${drain?.paused ? ", paused" : ""}${drain?.reason ? `: ${drain.reason}` : ""}`,
  },
  {
    name: "not_alive",
    fails: (node, _wish, draft) => draft.livenessOf(node) !== "alive",
    detail: (node, _wish, draft) =>
      ({
        unknown: "no heartbeat yet: its agent has not been started",
        suspect: "its heartbeats have stopped",
        lost: "lost: its heartbeats stopped long ago",
        alive: "alive",
      })[draft.livenessOf(node)],
  },
  {
    name: "engine_down",
    fails: ({ agent }) => agent.engineError !== undefined,
    detail: ({ agent }) => `the engine does not answer: ${(agent.engineError ?? "").slice(0, 200)}`,
  },
  {
    name: "no_capacity_known",
    fails: (node) => !isCapacityKnown(node),
    detail: () => "neither a user nor its agent has said what may be booked",
  },
  ...kindNames.map(
    (name): Filter => ({
      name,
      fails: (node, { amounts }, draft) => draft.booksOf(node).rejects(name, amounts),
      detail: (node, { amounts }, draft) =>
        `${draft.booksOf(node).why(name, amounts)}${name === "port" ? holdersOf(node, amounts) : ""}`,
    }),
  ),
  {
    name: "nodes_limit",
    fails: (node, wish, draft) => wish.nodesLimit > 0 && countFor(wish, node, draft) >= wish.nodesLimit,
    detail: (node, wish, draft) =>
      `nodes_limit: ${countFor(wish, node, draft)} of at most ${wish.nodesLimit} are there`,
  },
  {
    name: "set",
    fails: (node, { sets }) => sets !== undefined && hasNoNeed(node, sets),
    detail: (node, wish, draft) => setText(node, wish, draft),
  },
  {
    name: "held",
    fails: (node, wish, draft) => holderOf(draft.holds.get(node), wish) !== undefined,
    detail: (node, wish, draft) => {
      const hold = holderOf(draft.holds.get(node), wish);
      return `held for ${hold?.deployment}, priority ${hold?.rank.priority}: ${hold?.from === "rest" ? "others go from there for it" : "it waits and comes first"}`;
    },
  },
];

/** The names in the order in which they are tried. */
export const filterNames: readonly FilterName[] = filters.map(({ name }) => name);

const isKind = (name: FilterName): boolean => kindNames.some((kind) => kind === name);
const kindFilters = filters.filter(({ name }) => isKind(name));

/** A node that may be chosen. */
export type NodeCandidate = WeighedCandidate & { at: Node };

/** How a node stands to a kind of wish, whoever else is there: what its labels and its state reject, or its room. */
export type Standing = {
  /** Rejected by what the wish chooses by. */
  chosen: FilterName | undefined;
  /** Rejected by the node's state. */
  state: FilterName | undefined;
  /** Rejected for want of room. */
  full: FilterName | undefined;
  /** How many more fit. */
  capacity: number;
  /** What it was as a candidate when somebody asked last. */
  last?: NodeCandidate;
};

const affinityAt = filters.findIndex(({ name }) => name === "affinity");
const choiceFilters = filters.slice(0, affinityAt);
const stateFilters = filters
  .slice(affinityAt + 1)
  .filter(({ name }) => !isKind(name) && name !== "nodes_limit" && name !== "set" && name !== "held");

const mattering = new WeakMap<Wish, readonly Filter[]>();

/** The filters by choice that may reject a node for the wish. */
function choicesOf(wish: Wish): readonly Filter[] {
  const known = mattering.get(wish) ?? choiceFilters.filter(({ matters }) => matters?.(wish) ?? true);
  mattering.set(wish, known);
  return known;
}

/** The standing of a node. The same for every wish with the same demand and the same filter. */
export function standingOf(node: Node, wish: Wish, draft: Draft): Standing {
  const fails = (filter: Filter): boolean => filter.fails(node, wish, draft);
  const chosen = choicesOf(wish).find(fails)?.name;
  if (chosen) return { chosen, state: undefined, full: undefined, capacity: 0 };
  const state = stateFilters.find(fails)?.name;
  if (state) return { chosen, state, full: undefined, capacity: 0 };
  const capacity = draft.booksOf(node).room(wish.amounts, capacityMax);
  return { chosen, state, full: capacity < 1 ? kindFilters.find(fails)?.name : undefined, capacity };
}

/** The first filter that rejects the node, of a node's standing and of what depends on who else is where. */
export function rejectionOf(
  { chosen, state, full }: Standing,
  { node, count, wish, draft }: { node: Node; count: number; wish: Wish; draft: Draft },
): FilterName | undefined {
  if (chosen) return chosen;
  if (wish.affinity.length > 0 && unlike(node, wish, draft)) return "affinity";
  if (state) return state;
  const { nodesLimit, sets } = wish;
  const limited = nodesLimit > 0 && count >= nodesLimit;
  const unset = sets !== undefined && hasNoNeed(node, sets);
  // A node that has its set lacks nothing, also where it is full.
  if (unset && !limited && sets.chosen.has(node.name)) return "set";
  if (full) return full;
  if (limited) return "nodes_limit";
  if (unset) return "set";
  return holderOf(draft.holds.get(node), wish) ? "held" : undefined;
}

/** The first filter that rejects the node, or how many more of the wished fit. */
export function verdictOn(
  node: Node,
  wish: Wish,
  draft: Draft,
): { filter: FilterName } | { capacity: number } {
  const standing = standingOf(node, wish, draft);
  const filter = rejectionOf(standing, { node, count: countFor(wish, node, draft), wish, draft });
  return filter ? { filter } : { capacity: standing.capacity };
}

/** Every filter that rejects the node: what must change before it can be chosen. */
export const allRejectionsOf = (node: Node, wish: Wish, draft: Draft): FilterName[] =>
  filters.filter((filter) => filter.fails(node, wish, draft)).map(({ name }) => name);

/** Why the filter rejects the node, with the amounts. */
export const detailOf = (name: FilterName, node: Node, wish: Wish, draft: Draft): string =>
  filters.find((filter) => filter.name === name)?.detail(node, wish, draft) ?? name;

/** A list in a sentence, cut after five. */
export const listed = (names: readonly string[]): string =>
  names.length > 5
    ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`
    : names.join(", ") || "none";
