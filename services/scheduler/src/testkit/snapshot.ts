import { Books } from "@eru/resources";
import { addToSpread, capacityOf, emptyZone, type Zone } from "../domain/zone.ts";

/** A zone as plain sorted data, to compare two. */
export function snapshot(zone: Zone): unknown {
  const sorted = <T>(map: ReadonlyMap<string, T>, show: (value: T) => unknown) =>
    [...map].map(([key, value]) => [key, show(value)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    nodes: sorted(zone.nodes, ({ workloads, books, ...node }) => ({
      ...node,
      books: books.lines(),
      workloads: [...workloads].map(({ id }) => id).sort(),
    })),
    deployments: sorted(zone.deployments, ({ workloads, contents, dissociated, ...deployment }) => ({
      ...deployment,
      dissociated: sorted(dissociated, (record) => record),
      templates: [...contents.keys()],
      workloads: [...workloads.keys()],
    })),
    workloads: sorted(zone.workloads, ({ deployment, node, drainedBy, pastDrains, ...workload }) => ({
      ...workload,
      deployment: deployment.id,
      node: node.name,
      drainedBy: [...drainedBy],
      pastDrains: [...pastDrains],
    })),
    pods: sorted(zone.pods, ({ name, decisionSeq, held, waiting, draining, bound, orphans, kept }) => ({
      ...{ name, decisionSeq, held, orphans: [...orphans.values()] },
      kept: sorted(kept, (rooms) => rooms),
      bound: [...bound].map((node) => node.name).sort(),
      waiting: [...waiting].map(({ id }) => id).sort(),
      draining: [...draining].map(({ id }) => id).sort(),
    })),
    spread: sorted(zone.spread, (nodes) => sorted(nodes, (count) => count)),
    carriers: sorted(zone.carriers, (byGroup) => sorted(byGroup, (carrier) => carrier)),
    elbGroups: sorted(zone.elbGroups, ({ bootId, groups }) => ({ bootId, groups: [...groups] })),
    elbs: sorted(zone.elbs, (seq) => seq),
  };
}

/** What is kept as sums must equal what it sums up: resources are returned exactly once. */
export function recount(zone: Zone): { kept: string; counted: string } {
  const spread = emptyZone();
  const booked = new Map(
    [...zone.nodes].map(([name, node]) => [name, Books.open(capacityOf(node) ?? { cpu: 0, memoryMib: 0 })]),
  );
  for (const { deployment, node, amounts, booked: parts, counted } of zone.workloads.values()) {
    booked.get(node.name)?.book(amounts, parts);
    if (counted) addToSpread(spread, deployment.key, node.name, 1);
  }
  const show = (nodes: ReadonlyMap<string, Books>, counts: Zone["spread"]): string =>
    [
      ...[...nodes].flatMap(([node, books]) =>
        books
          .lines()
          .filter((line) => line.booked !== 0)
          .map(({ name, booked: many, unit }) => `${node} books ${many} ${unit} of ${name}`),
      ),
      ...[...counts].flatMap(([key, on]) => [...on].map(([node, count]) => `${count} of ${key} on ${node}`)),
    ]
      .sort()
      .join("; ");
  return {
    kept: show(new Map([...zone.nodes].map(([name, node]) => [name, node.books])), zone.spread),
    counted: show(booked, spread.spread),
  };
}
