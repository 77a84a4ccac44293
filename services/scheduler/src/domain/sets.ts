import { assert, countsPerNode } from "@eru/events";
import { kindNames } from "@eru/resources";
import type { Draft } from "./draft.ts";
import { affinitiesOf, type FilterName, verdictOn, type Wish } from "./filters.ts";
import { wishOf } from "./place-missing.ts";
import { preferenceOf } from "./preference.ts";
import { withoutSuccessors } from "./replace.ts";
import { byName, type Candidate } from "./strategies/candidate.ts";
import { perNodeRules } from "./strategies/index.ts";
import { chooseNodes, type PerNodeRule } from "./strategies/per-node.ts";
import type { Ranked } from "./turn.ts";
import type { Deployment, Node, Workload } from "./zone.ts";

/** What a deployment that counts per node shall have where. */
export type Sets = {
  perNode: number;
  /** How many of the deployment's own each chosen node shall have, by name. A node that has enough of others shall have none. */
  targets: ReadonlyMap<Node, number>;
  /** The chosen nodes that may get something new. */
  open: ReadonlySet<Node>;
  /** How many more nodes there should be: none of the others can have a whole set. */
  lacking: number;
  /** Every node that fits has one, and when it leaves nobody takes its place. */
  everywhere: boolean;
  /** How many workloads there shall be in all. */
  total: number;
};

/** What is asked for, of a deployment or a dry run of one. */
type Asked = Pick<Deployment, "key" | "strategy" | "nodesLimit" | "filter"> &
  Ranked & {
    perNode: number;
    amounts: Wish["amounts"];
    /** Its age, and who it is: FILL counts what others have. Absent: it is not there yet. */
    own?: Deployment;
  };

/** A node without the deployment's workloads that could have a set. */
type Newcomer = Candidate & { at: Node; preference: number };
/** A node with some of them. */
type Seat = { node: Node; mine: number; target: number; open: boolean; oldest: number };

/**
 * Which nodes have a set and of how many. Nodes that have one keep it as long as they fit the request; where nothing new may
 * be placed, because of a cordon, say, a node keeps what it has. With `nodesLimit` so many nodes are chosen, those with a
 * set first; without, every node that fits.
 */
export function setsOf(draft: Draft, asked: Asked, here: readonly Workload[]): Sets {
  const { perNode, nodesLimit } = asked;
  const everywhere = nodesLimit === 0;
  if (perNode === 0)
    return { perNode, targets: new Map(), open: new Set(), lacking: 0, everywhere, total: 0 };
  const { seats, newcomers } = seatsOf(draft, asked, here);
  const kept = everywhere ? seats : seats.sort(bySeniority).slice(0, nodesLimit);
  const rule = preferring(ruleOf(asked));
  const nodes = everywhere ? "all" : nodesLimit - kept.length;
  const { shares, lacking } = chooseNodes(newcomers, { perNode, nodes }, rule);
  // Everywhere means also where there is no room now: those wait for it.
  const chosen = everywhere ? newcomers : shares.map(({ candidate }) => candidate);
  const targets = [
    ...kept.map(({ node, target }) => [node, target] as const),
    ...chosen.map((one) => [one.at, rule.lacks(one, perNode)] as const),
  ].sort(([a], [b]) => byName({ node: a.name }, { node: b.name }));
  const missing = everywhere ? 0 : lacking;
  return {
    perNode,
    targets: new Map(targets),
    open: new Set([
      ...kept.filter(({ open }) => open).map(({ node }) => node),
      ...chosen.map(({ at }) => at),
    ]),
    lacking: missing,
    everywhere,
    total: targets.reduce((sum, [, target]) => sum + target, missing * perNode),
  };
}

const ruleOf = ({ strategy }: Pick<Deployment, "strategy">): PerNodeRule => {
  assert(countsPerNode(strategy), `strategy ${strategy} does not count per node`);
  return perNodeRules[strategy];
};

/** The same rule among nodes that are preferred alike. */
const preferring = (rule: PerNodeRule) => ({
  lacks: rule.lacks,
  compare: (a: Newcomer, b: Newcomer) => b.preference - a.preference || rule.compare(a, b),
});

/** Who has most of a set, and then who has had it longest, keeps it. */
const bySeniority = (a: Seat, b: Seat): number =>
  b.mine - a.mine || a.oldest - b.oldest || byName({ node: a.node.name }, { node: b.node.name });

/** Without these a node does not fit the request; the others are about its state, and what is there stays. */
const misfits: ReadonlySet<FilterName> = new Set(["not_included", "excluded", "label", "constraint"]);
const kinds: ReadonlySet<FilterName> = new Set(kindNames);

function seatsOf(
  draft: Draft,
  asked: Asked,
  here: readonly Workload[],
): { seats: Seat[]; newcomers: Newcomer[] } {
  const wish = wishOf(asked, asked.amounts, []);
  const rule = ruleOf(asked);
  const mine = Map.groupBy(here, ({ node }) => node);
  const others = asked.strategy === "fill" ? othersOf(draft, asked) : new Map<string, number>();
  const seats: Seat[] = [];
  const newcomers: Newcomer[] = [];
  for (const node of draft.pod.nodes.values()) {
    if (draft.drains(node) || draft.livenessOf(node) === "lost") continue;
    const verdict = verdictOn(node, wish, draft);
    const filter = "filter" in verdict ? verdict.filter : undefined;
    if (filter !== undefined && misfits.has(filter)) continue;
    const open = filter === undefined || kinds.has(filter);
    const own = mine.get(node) ?? [];
    const count = others.get(node.name) ?? 0;
    const capacity = "capacity" in verdict ? verdict.capacity : 0;
    if (own.length > 0) {
      const set = rule.lacks({ count }, asked.perNode);
      const target = open ? set : Math.min(set, own.length);
      const oldest = own.reduce((least, { n }) => Math.min(least, n), Infinity);
      seats.push({ node, mine: own.length, target, open, oldest });
    } else if (open) {
      const preference = preferenceOf(node, wish.prefer, affinitiesOf(wish, draft));
      newcomers.push({ at: node, node: node.name, count, capacity, usage: () => 0, preference });
    }
  }
  return { seats, newcomers };
}

/**
 * Workloads of the same app and entrypoint that others have, by node. Of other FILLs only the older count, so that two of
 * them never give way to each other in turns; of one that is being upgraded, old and new ones on a node count once.
 */
function othersOf(draft: Draft, { key, own }: Asked): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (node: string, many: number): unknown => counts.set(node, (counts.get(node) ?? 0) + many);
  for (const other of draft.pod.deployments.values()) {
    if (other.key !== key || other === own) continue;
    if (own && other.strategy === "fill" && other.seq > own.seq) continue;
    for (const [node, there] of Map.groupBy(
      withoutSuccessors(draft, draft.staying(other)),
      (one) => one.node,
    )) {
      const fresh = there.filter(({ version }) => version === other.version).length;
      add(node.name, Math.max(fresh, there.length - fresh));
    }
  }
  for (const node of draft.pod.nodes.keys()) {
    const placed = draft.placedOn(key, node);
    if (placed > 0) add(node, placed);
  }
  return counts;
}
