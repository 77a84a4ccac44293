import type { Amounts } from "../domain/amounts.ts";
import { addToSpread, emptyZone, type Zone } from "../domain/zone.ts";

/** A zone as plain sorted data, to compare two. */
export function snapshot(zone: Zone): unknown {
  const sorted = <T>(map: ReadonlyMap<string, T>, show: (value: T) => unknown) =>
    [...map].map(([key, value]) => [key, show(value)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    nodes: sorted(zone.nodes, ({ workloads, ...node }) => ({
      ...node,
      workloads: [...workloads].map(({ id }) => id).sort(),
    })),
    deployments: sorted(zone.deployments, ({ workloads, contents, ...deployment }) => ({
      ...deployment,
      templates: [...contents.keys()],
      workloads: [...workloads.keys()],
    })),
    workloads: sorted(zone.workloads, ({ deployment, node, drainedBy, ...workload }) => ({
      ...workload,
      deployment: deployment.id,
      node: node.name,
      drainedBy: [...drainedBy],
    })),
    pods: sorted(zone.pods, ({ name, decisionSeq, held, waiting, draining, orphans }) => ({
      ...{ name, decisionSeq, held, orphans: [...orphans.values()] },
      waiting: [...waiting].map(({ id }) => id).sort(),
      draining: [...draining].map(({ id }) => id).sort(),
    })),
    spread: sorted(zone.spread, (nodes) => sorted(nodes, (count) => count)),
    routed: sorted(zone.routed, (count) => count),
    elbs: sorted(zone.elbs, (seq) => seq),
  };
}

/** What is kept as sums must equal what it sums up: resources are returned exactly once. */
export function recount(zone: Zone): { kept: string; counted: string } {
  const spread = emptyZone();
  const booked = new Map([...zone.nodes.keys()].map((node) => [node, { milli: 0, mib: 0 }]));
  for (const { deployment, node, amounts, counted } of zone.workloads.values()) {
    const sum = booked.get(node.name);
    if (sum) {
      sum.milli += amounts.milli;
      sum.mib += amounts.mib;
    }
    if (counted) addToSpread(spread, deployment.key, node.name, 1);
  }
  const show = (nodes: ReadonlyMap<string, Amounts>, counts: Zone["spread"]): string =>
    [
      ...[...nodes].map(([node, { milli, mib }]) => `${node} books ${milli} milli-cores, ${mib} MiB`),
      ...[...counts].flatMap(([key, on]) => [...on].map(([node, count]) => `${count} of ${key} on ${node}`)),
    ]
      .sort()
      .join("; ");
  return {
    kept: show(new Map([...zone.nodes].map(([name, node]) => [name, node.booked])), zone.spread),
    counted: show(booked, spread.spread),
  };
}
