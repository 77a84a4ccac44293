import type { NodeResources } from "@eru/events";
import { Books, demandOf, demandText, kindNames } from "@eru/resources";
import type { Amounts } from "./amounts.ts";
import type { Draft } from "./draft.ts";
import { allRejectionsOf, type FilterName, listed, type Wish } from "./filters.ts";
import { helpMax } from "./limits.ts";
import { capacityOf, type Node } from "./zone.ts";

/** A node and the filters that reject it. */
type Obstacle = { node: Node; filters: readonly FilterName[] };

/** The smallest changes that would give one more workload a place, the easiest first; never empty. */
export function wouldHelp(draft: Draft, wish: Wish, rejected: readonly { node: Node }[]): string[] {
  const help: string[] = [];
  const strangers = [...wish.includes].filter((name) => !draft.pod.nodes.has(name));
  if (strangers.length > 0)
    help.push(`only nodes of pod ${draft.pod.name} can be chosen; not in it: ${listed(strangers.sort())}`);
  if (draft.pod.nodes.size === 0) help.push(`add a node to pod ${draft.pod.name}: it has none`);
  const obstacles = rejected
    .filter(({ node }) => isAsked(node, wish))
    .map(({ node }) => ({ node, filters: allRejectionsOf(node, wish, draft) }));
  help.push(...againstOneKind(draft, wish, obstacles));
  if (help.length === 0) {
    const wanted = demandText(wish.amounts);
    help.push(wanted === "" ? "add a node with its agent running" : `add a node with ${wanted} free`);
  }
  return help.slice(0, helpMax);
}

/** Of a set on each node, only nodes that lack something matter, or, as long as there are too few, those that are not chosen. */
const isAsked = ({ name }: Node, { sets }: Wish): boolean =>
  !sets || (sets.chosen.has(name) ? (sets.needs.get(name) ?? 0) > 0 : sets.lacking > 0);

/** What would help on nodes that one kind of obstacle keeps out, the easiest first. */
export function againstOneKind(draft: Draft, wish: Wish, obstacles: readonly Obstacle[]): string[] {
  const onlyBy = (...names: FilterName[]): Obstacle[] =>
    obstacles.filter(({ filters }) => filters.every((name) => names.includes(name)));
  const named = (found: readonly Obstacle[]): string => listed(found.map(({ node }) => node.name).sort());
  const help: string[] = [];
  const say = (found: readonly Obstacle[], sentence: (nodes: string) => string): void => {
    if (found.length > 0) help.push(sentence(named(found)));
  };
  say(onlyBy("cordoned"), (nodes) => `uncordon ${nodes}`);
  say(onlyBy("not_alive"), (nodes) => `bring back the agent of ${nodes}`);
  say(onlyBy("engine_down"), (nodes) => `bring back the engine of ${nodes}`);
  say(onlyBy("no_capacity_known"), (nodes) => `start the agent of ${nodes} or set what may be booked there`);
  const kinds = onlyBy(...kindNames, "set").filter(({ filters }) => filters.some((name) => name !== "set"));
  help.push(...moreRoom(draft, wish, kinds));
  say(onlyBy("set"), (nodes) => `free room for a whole set of ${wish.sets?.perNode ?? 0} on ${nodes}`);
  say(
    onlyBy("nodes_limit"),
    () => `raise nodesLimit above ${wish.nodesLimit}, or add a node: every node with room has that many`,
  );
  say(
    onlyBy("held"),
    (nodes) =>
      `let what ${nodes} is held for have its place, scale that down, or give this a higher priority`,
  );
  say(onlyBy("draining"), (nodes) => `cancel the drain of ${nodes}`);
  say(onlyBy("label"), (nodes) => `give ${nodes} the label the request wants, or drop it from the request`);
  say(
    onlyBy("constraint"),
    (nodes) => `give ${nodes} labels that meet the constraints, or drop constraints from the request`,
  );
  say(
    onlyBy("taint"),
    (nodes) => `tolerate the taints of ${nodes} in the request, or remove the labels taint/… there`,
  );
  say(onlyBy("affinity"), (nodes) => `drop affinities from the request that keep ${nodes} out`);
  say(onlyBy("not_included"), (nodes) => `include ${nodes}`);
  say(onlyBy("excluded"), (nodes) => `no longer exclude ${nodes}`);
  return help;
}

/** On which node the least must become free; or that no node is large enough even when empty. */
function moreRoom(draft: Draft, wish: Wish, full: readonly Obstacle[]): string[] {
  const { amounts } = wish;
  const sizes = full.flatMap(({ node }) => {
    const size = capacityOf(node);
    return size ? [{ node, size, empty: Books.open(size) }] : [];
  });
  const largeEnough = sizes.filter(({ empty }) => empty.room(amounts, 1) > 0);
  const [largest] = sizes.toSorted(
    (a, b) =>
      b.size.cpu - a.size.cpu || b.size.memoryMib - a.size.memoryMib || (a.node.name < b.node.name ? -1 : 1),
  );
  if (largest && largeEnough.length === 0) return [tooLarge(amounts, largest)];
  const [closest] = largeEnough
    .map(({ node }) => {
      const lacks = draft.booksOf(node).lacks(amounts);
      // What is missing of each kind is compared by its part of the request.
      return { node, lacks, part: lacks.reduce((most, lack) => Math.max(most, lack.part), 0) };
    })
    .sort((a, b) => a.part - b.part || (a.node.name < b.node.name ? -1 : 1));
  return closest
    ? [`free ${closest.lacks.map(({ text }) => text).join(" and ")} on ${closest.node.name}`]
    : [];
}

/** The largest node by cores, and what even it has not. */
function tooLarge(
  amounts: Amounts,
  { node, size, empty }: { node: Node; size: NodeResources; empty: Books },
): string {
  const alike = kindNames.every(
    (name) => name === "cpu" || name === "memory" || !empty.rejects(name, amounts),
  );
  const has = alike
    ? demandText(demandOf({ cpu: size.cpu, memoryMib: size.memoryMib })) || "nothing to book"
    : "";
  const lacks = empty.lacks(amounts).map(({ text }) => text);
  return `a workload of ${demandText(amounts)} is larger than any of these nodes: ${node.name} ${
    alike && amounts.pieces === 0 ? `has ${has}` : `lacks ${lacks.join(" and ")} even when it is empty`
  }`;
}
