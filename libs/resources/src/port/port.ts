import type { PortWish } from "@eru/events";
import type { Demand } from "../demand.ts";
import type { EngineSettings } from "../engine.ts";
import type { Line, ResourceKind } from "../kind.ts";

/** Ports of the machine that are taken, and by how many: more than one only in logs from before they were counted. */
export type PortFree = Map<number, number>;

const taken = (free: PortFree, { ports }: Demand): number[] =>
  ports.filter((port) => (free.get(port) ?? 0) > 0);

/** Ports of the machine itself: two workloads that listen on the same one cannot share a node. */
export const port: ResourceKind<PortFree> = {
  name: "port",
  asks: ({ ports }) => ports.length > 0,
  open: () => new Map(),
  copy: (free) => new Map(free),
  room: (free, demand, most) => (taken(free, demand).length > 0 ? 0 : Math.min(1, most)),
  why: (free, demand) => `port: ${demand.ports.join(", ")} wanted, ${taken(free, demand).join(", ")} taken`,
  lacks: (free, demand) => {
    const missing = taken(free, demand);
    return missing.length > 0
      ? { text: `port ${missing.join(", ")}`, part: missing.length / demand.ports.length }
      : undefined;
  },
  chooses: ({ ports }) => ports.length > 0,
  choose: (_free, { ports }, many) => Array.from({ length: many }, () => ({ ports: [...ports] })),
  book: (free, _demand, { ports = [] }, many) => {
    for (const one of ports) {
      const count = (free.get(one) ?? 0) + many;
      if (count > 0) free.set(one, count);
      else free.delete(one);
    }
  },
  // Of 65,535 ports some are taken: that says nothing about how full a node is.
  load: () => ({ size: 0, booked: 0, each: 0 }),
  weight: () => 0,
  lines: (free) =>
    [...free]
      .sort(([a], [b]) => a - b)
      .map(([one, booked]): Line => ({ kind: "port", name: `port ${one}`, unit: "port", size: 1, booked })),
  engine: ({ resources: { ports = [] }, address, network }) =>
    ports.length > 0 && network === "bridge" ? { PortBindings: bindings(ports, address) } : {},
};

/** Several ports of the machine may lead to one of the container. */
function bindings(ports: readonly PortWish[], address: string): NonNullable<EngineSettings["PortBindings"]> {
  const all: NonNullable<EngineSettings["PortBindings"]> = {};
  for (const { port: inside, hostPort } of ports)
    all[`${inside}/tcp`] = [...(all[`${inside}/tcp`] ?? []), { HostIp: address, HostPort: String(hostPort) }];
  return all;
}
