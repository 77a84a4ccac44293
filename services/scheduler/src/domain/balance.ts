import type { Balance } from "@eru/events";
import { demandOf } from "@eru/resources";
import type { Draft } from "./draft.ts";
import type { Node } from "./zone.ts";

const nothing = demandOf({ cpu: 0, memoryMib: 0 }, []);

/** How full a node is: the mean of its CPU and memory, 0 to 1 or above when more is booked than there is. */
export const fullness = (draft: Draft, node: Node): number => draft.booksOf(node).usage(nothing, 0)(0);

/** Nodes that take part: alive, and open for new workloads. */
export const openNodes = (draft: Draft): Node[] =>
  [...draft.pod.nodes.values()].filter(
    (node) => draft.livenessOf(node) === "alive" && node.cordoned === undefined && !draft.closed(node),
  );

/** How well the workloads of a pod lie on its open nodes, with what the draft has moved. */
export function balanceOf(draft: Draft, moved: ReadonlyMap<Node, number>): Balance {
  const nodes = openNodes(draft);
  const round = (value: number): number => Math.round(value * 1e4) / 1e4;
  const full = nodes.map((node) => fullness(draft, node));
  const mean = sum(full) / Math.max(1, full.length);
  const variance = sum(full.map((one) => (one - mean) ** 2)) / Math.max(1, full.length);
  return {
    crowded: crowded(draft, nodes),
    unevenness: round(Math.sqrt(variance)),
    stranded: round(stranded(draft, nodes)),
    emptyNodes: nodes.filter((node) => node.workloads.size + (moved.get(node) ?? 0) === 0).length,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);

/** Over all entrypoints, the workloads on a node beyond an even share of it; constraints are left out of account. */
function crowded(draft: Draft, nodes: readonly Node[]): number {
  let total = 0;
  for (const key of draft.spreadKeys()) {
    const counts = nodes.map(({ name }) => draft.countOn(key, name)).filter((count) => count > 0);
    const share = Math.ceil(sum(counts) / Math.max(1, nodes.length));
    total += sum(counts.map((count) => Math.max(0, count - share)));
  }
  return total;
}

/**
 * Where a node has a tenth of the pod's CPU free and a twentieth of its memory, half of that CPU is of no use to workloads
 * of the pod's own proportion. The part of everything free that is left over like this.
 */
function stranded(draft: Draft, nodes: readonly Node[]): number {
  const lines = nodes.map((node) => draft.booksOf(node).lines());
  const freeOf = (kind: "cpu" | "memory"): number[] => {
    const whole = lines.map((all) => all.find((line) => line.kind === kind));
    const size = Math.max(1e-9, sum(whole.map((line) => line?.size ?? 0)));
    return whole.map((line) => Math.max(0, (line?.size ?? 0) - (line?.booked ?? 0)) / size);
  };
  const [cpu, memory] = [freeOf("cpu"), freeOf("memory")];
  const all = sum(cpu) + sum(memory);
  return all === 0 ? 0 : sum(cpu.map((free, at) => Math.abs(free - (memory[at] ?? 0)))) / all;
}
