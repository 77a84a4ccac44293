import type { Affinity } from "@eru/events";
import type { Draft } from "./draft.ts";
import type { Node } from "./zone.ts";

/** Whether a node has, itself or among those with the same label, workloads that an affinity is about. */
export type Near = (node: Node) => boolean;

/** One affinity with the answer for every node of the pod. */
export type Nearness = { affinity: Affinity; near: Near };

/** Where the workloads are that each affinity is about, seen once for all nodes. `own` entrypoints do not count. */
export const nearness = (draft: Draft, affinities: readonly Affinity[], own: string): Nearness[] =>
  affinities.map((affinity) => ({ affinity, near: nearTo(draft, affinity, own) }));

function nearTo(draft: Draft, { to, over }: Affinity, own: string): Near {
  const keys = [...draft.spreadKeys()].filter((key) => key !== own && isAbout(key, to));
  const counts = keys.map((key) => draft.countsOf(key));
  const has = ({ name }: Node): boolean => counts.some((count) => count(name) > 0);
  if (over === undefined) return has;
  const places = new Set<string>();
  for (const node of draft.pod.nodes.values()) if (has(node)) places.add(placeOf(node, over));
  return (node) => places.has(placeOf(node, over));
}

/** `<app>/<entrypoint>` of the app, and of the entrypoint when one is named. */
const isAbout = (key: string, { app, entrypoint }: Affinity["to"]): boolean =>
  entrypoint === undefined ? key.startsWith(`${app}/`) : key === `${app}/${entrypoint}`;

/** A node without the label stands for itself; no value of a label can be taken for a node. */
const placeOf = (node: Node, over: string): string =>
  Object.hasOwn(node.labels, over) ? `label ${node.labels[over]}` : `node ${node.name}`;

/** What an affinity wants, in words. */
export function affinityText({ to, over }: Affinity): string {
  const of = to.entrypoint === undefined ? to.app : `${to.app}/${to.entrypoint}`;
  return `a workload of ${of} ${over === undefined ? "on the node" : `on a node with the same ${over}`}`;
}
