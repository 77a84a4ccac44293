import { cores } from "./amounts.ts";
import type { Draft } from "./draft.ts";
import { allRejectionsOf, type FilterName, listed, type Wish } from "./filters.ts";
import { helpMax } from "./limits.ts";
import { capacityOf, type Node } from "./zone.ts";

type Obstacle = { node: Node; filters: readonly FilterName[] };

const amounts = (milli: number, mib: number, more = false): string =>
  [
    milli > 0 ? `${cores(milli)}${more ? " more" : ""} ${milli === 1_000 ? "core" : "cores"}` : "",
    mib > 0 ? `${mib} MiB ${more ? "more" : "of"} memory` : "",
  ]
    .filter((part) => part !== "")
    .join(" and ");

/** The smallest changes that would give one more workload a place, the easiest first; never empty. */
export function wouldHelp(draft: Draft, wish: Wish, rejected: readonly { node: Node }[]): string[] {
  const obstacles = rejected.map(({ node }) => ({ node, filters: allRejectionsOf(node, wish, draft) }));
  const onlyBy = (...names: FilterName[]): Obstacle[] =>
    obstacles.filter(({ filters }) => filters.every((name) => names.includes(name)));
  const named = (found: readonly Obstacle[]): string => listed(found.map(({ node }) => node.name).sort());
  const { milli, mib } = wish.amounts;
  const help: string[] = [];
  const say = (found: readonly Obstacle[], sentence: (nodes: string) => string): void => {
    if (found.length > 0) help.push(sentence(named(found)));
  };

  const strangers = [...wish.includes].filter((name) => !draft.pod.nodes.has(name));
  if (strangers.length > 0)
    help.push(`only nodes of pod ${draft.pod.name} can be chosen; not in it: ${listed(strangers.sort())}`);
  if (draft.pod.nodes.size === 0) help.push(`add a node to pod ${draft.pod.name}: it has none`);
  say(onlyBy("cordoned"), (nodes) => `uncordon ${nodes}`);
  say(onlyBy("not_alive"), (nodes) => `bring back the agent of ${nodes}`);
  say(onlyBy("engine_down"), (nodes) => `bring back the engine of ${nodes}`);
  say(onlyBy("no_capacity_known"), (nodes) => `start the agent of ${nodes} or set what may be booked there`);
  help.push(...moreRoom(draft, wish, onlyBy("cpu", "memory")));
  say(
    onlyBy("nodes_limit"),
    () => `raise nodesLimit above ${wish.nodesLimit}, or add a node: every node with room has that many`,
  );
  say(onlyBy("draining"), (nodes) => `cancel the drain of ${nodes}`);
  say(onlyBy("label"), (nodes) => `give ${nodes} the label the request wants, or drop it from the request`);
  say(
    onlyBy("constraint"),
    (nodes) => `give ${nodes} labels that meet the constraints, or drop constraints from the request`,
  );
  say(onlyBy("not_included"), (nodes) => `include ${nodes}`);
  say(onlyBy("excluded"), (nodes) => `no longer exclude ${nodes}`);
  if (help.length === 0)
    help.push(
      `add a node with ${amounts(milli, mib) || "its agent running"}${milli + mib > 0 ? " free" : ""}`,
    );
  return help.slice(0, helpMax);
}

/** On which node the least must become free; or that no node is large enough even when empty. */
function moreRoom(draft: Draft, wish: Wish, full: readonly Obstacle[]): string[] {
  const { milli, mib } = wish.amounts;
  const sizes = full.flatMap(({ node }) => {
    const size = capacityOf(node);
    return size ? [{ node, size }] : [];
  });
  const largeEnough = sizes.filter(({ size }) => size.milli >= milli && size.mib >= mib);
  if (sizes.length > 0 && largeEnough.length === 0) {
    const [largest] = sizes.toSorted(
      (a, b) =>
        b.size.milli - a.size.milli || b.size.mib - a.size.mib || (a.node.name < b.node.name ? -1 : 1),
    );
    return largest
      ? [
          `a workload of ${amounts(milli, mib)} is larger than any of these nodes: ${largest.node.name} has ${amounts(largest.size.milli, largest.size.mib) || "nothing to book"}`,
        ]
      : [];
  }
  const [closest] = largeEnough
    .map(({ node }) => {
      const room = draft.freeOn(node);
      const lacks = { milli: Math.max(0, milli - room.milli), mib: Math.max(0, mib - room.mib) };
      // Cores and memory compared by their part of the request.
      const part = Math.max(milli > 0 ? lacks.milli / milli : 0, mib > 0 ? lacks.mib / mib : 0);
      return { node, lacks, part };
    })
    .sort((a, b) => a.part - b.part || (a.node.name < b.node.name ? -1 : 1));
  return closest
    ? [`free ${amounts(closest.lacks.milli, closest.lacks.mib, true)} on ${closest.node.name}`]
    : [];
}
