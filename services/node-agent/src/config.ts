import { NodeName } from "@eru/events";
import { serviceConfig } from "@eru/service";
import { z } from "zod";

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
