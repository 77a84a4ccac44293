import type { Granted, Resources, Template } from "@eru/events";
import { Books, type Demand, demandOf } from "@eru/resources";
import { capacityOf, type Node, type Workload } from "./zone.ts";

/** What one workload books: whole numbers, because sums of floating-point cores drift. */
export type Amounts = Demand;

/** Ports of the machine that a template takes by itself: on the host's network, what it publishes. */
const listens = ({ entrypoint }: Pick<Template, "entrypoint">): readonly number[] =>
  entrypoint.network === "host" ? entrypoint.publish : [];

/** What a workload of the template books. */
export const amountsOf = (resources: Resources, template: Pick<Template, "entrypoint">): Amounts =>
  demandOf(resources, listens(template));

const nothing: Granted = {};

/** The parts as they were recorded; what was placed before they were has its ports all the same. */
export const grantedOf = (granted: Granted | undefined, { ports }: Amounts): Granted =>
  granted ?? (ports.length > 0 ? { ports: [...ports] } : nothing);

/** Books a node anew, after it became larger or smaller: what runs there stays booked, also where it is too much. */
export function rebook(node: Node): void {
  node.books = Books.open(capacityOf(node) ?? { cpu: 0, memoryMib: 0 });
  for (const workload of node.workloads) bookOn(node, workload);
}

/** Books a workload on its node. */
export const bookOn = (node: Node, { amounts, booked }: Pick<Workload, "amounts" | "booked">): void =>
  node.books.book(amounts, booked);

type Has = { readonly amounts: Amounts; readonly granted: Granted };

/** The larger of both, of which only cores and memory differ: nobody else gets what is given up or to be had. */
export const union = (one: Has, other: Has): { amounts: Amounts; booked: Granted } => {
  const numa = other.granted.numa ?? one.granted.numa;
  const cores = { ...one.granted.cores };
  for (const [core, pieces] of Object.entries(other.granted.cores ?? {}))
    cores[core] = Math.max(cores[core] ?? 0, pieces);
  return {
    amounts: {
      ...one.amounts,
      milli: Math.max(one.amounts.milli, other.amounts.milli),
      mib: Math.max(one.amounts.mib, other.amounts.mib),
    },
    booked: {
      ...other.granted,
      ...(Object.keys(cores).length > 0 && { cores }),
      ...(numa !== undefined && { numa }),
    },
  };
};
