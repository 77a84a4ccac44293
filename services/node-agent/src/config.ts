import { NodeName } from "@eru/events";
import { serviceConfig } from "@eru/service";
import { z } from "zod";
import type { PortRange } from "./domain/host-ports.ts";

/** What the node-agent reads from its environment. */
export const nodeAgentConfig = {
  ...serviceConfig,
  /** How many servers keep the log. */
  ERU_STREAM_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1)),
  /** The node's name in the zone, as it was added with `eru node add`. */
  ERU_NODE: NodeName,
  ERU_DOCKER_SOCKET: z.string().startsWith("/", "an absolute path").default("/var/run/docker.sock"),
  /** The node's address as load balancers reach it: for containers on the host's network and published ports. */
  ERU_NODE_ADDRESS: z.union([z.ipv4(), z.ipv6()]).default("127.0.0.1"),
  /** How load balancers reach a container: by its own address, or by a port of the node that the engine maps to it. */
  ERU_AGENT_ADVERTISE: z.enum(["container", "node"]).default("container"),
  /** Ports of the machine for containers that are reached by them: first and last. */
  ERU_AGENT_PORTS: z
    .string()
    .regex(/^\d{1,5}-\d{1,5}$/, "a range, as 20000-29999")
    .default("20000-29999")
    .transform((text) => text.split("-").map(Number) as [number, number])
    .refine(
      ([first, last]) => first >= 1 && first <= last && last <= 65_535,
      "the first not above the last, both within 1 to 65535",
    ),
  /** Seconds in which a port that served a workload is given to no other one, once that is gone. */
  ERU_AGENT_PORT_QUARANTINE_S: z.coerce.number().int().min(0).max(86_400).default(300),
  /** The engine's network that containers are put on; empty: Docker's own bridge. It needs a subnet to keep addresses. */
  ERU_AGENT_NETWORK: z
    .string()
    .regex(/^([A-Za-z0-9][A-Za-z0-9_.-]{0,62})?$/, "the name of a network of the engine")
    .default(""),
  /** Directories of the machine that workloads may mount, with commas; none: no path of the machine. */
  ERU_AGENT_MOUNTS: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter((path) => path !== ""))
    .pipe(z.array(z.string().startsWith("/", "absolute paths with commas"))),
  /** Containers created or started at once. Starting is bound by the machine's CPU. */
  ERU_AGENT_ACTIONS_MAX: z.coerce.number().int().min(1).max(64).default(16),
} as const;

/** The ports that an agent gives to workloads. */
export const portRange = ({
  ERU_AGENT_PORTS: [first, last],
  ERU_AGENT_PORT_QUARANTINE_S: seconds,
}: {
  ERU_AGENT_PORTS: [number, number];
  ERU_AGENT_PORT_QUARANTINE_S: number;
}): PortRange => ({ first, last, quarantineMs: seconds * 1_000 });
