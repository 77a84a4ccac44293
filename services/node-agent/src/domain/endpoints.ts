import type { Endpoint } from "@eru/events";
import type { Container } from "./container.ts";
import type { Assigned } from "./desired.ts";
import type { PortRange } from "./host-ports.ts";

/** How others reach the containers of this node. */
export type Addressing = {
  /** `container`: its own address, routed between the nodes. `node`: a port of the machine that the engine maps. */
  advertise: "container" | "node";
  /** The node's address as the load balancers see it. */
  address: string;
  /** The engine's network for containers that are not on the host's; absent: its own bridge. */
  network?: string;
  /** Its addresses, if the agent makes it; absent: the engine chooses. */
  subnet?: string;
  /** How long an address of it that served a container is given to no other one. */
  quarantineMs?: number;
  /** Ports of the machine for containers that are reached by one; absent: the engine chooses. */
  ports?: PortRange;
  /** Directories of the machine, with all below them, that workloads may mount; none when absent. */
  mountable?: readonly string[];
};

/** Where a running workload's published ports can be reached; a port without an address is left out. */
export function endpoints(
  { template }: Assigned,
  container: Container,
  { advertise, address }: Addressing,
): Endpoint[] {
  const { network, publish } = template.entrypoint;
  return publish.flatMap((port) => {
    if (network === "host") return [{ port, ip: address, hostPort: port }];
    if (advertise === "container")
      return container.address === undefined ? [] : [{ port, ip: container.address, hostPort: port }];
    const mapping = container.ports.find((mapped) => mapped.port === port);
    return mapping ? [{ port, ip: address, hostPort: mapping.hostPort }] : [];
  });
}

/** True when both name the same addresses in the same order. */
export const sameEndpoints = (one: readonly Endpoint[], other: readonly Endpoint[]): boolean =>
  one.length === other.length &&
  one.every(({ port, ip, hostPort }, index) => {
    const match = other[index];
    return match?.port === port && match.ip === ip && match.hostPort === hostPort;
  });

/** Where the agent itself probes a container; undefined when it has no address. */
export const probeAddress = ({ template }: Assigned, container: Container): string | undefined =>
  template.entrypoint.network === "host" ? "127.0.0.1" : container.address;
