import { NodeName } from "@eru/events";
import { serviceConfig } from "@eru/service";
import { z } from "zod";
import type { Addressing } from "./domain/endpoints.ts";

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
  /** Seconds in which a port or an address that served a workload is given to no other one, once that is gone. */
  ERU_AGENT_QUARANTINE_S: z.coerce.number().int().min(0).max(86_400).default(300),
  /** The engine's network that containers are put on; made when it is absent. */
  ERU_AGENT_NETWORK: z
    .string()
    .regex(
      /^([A-Za-z0-9][A-Za-z0-9_.-]{0,62})?$/,
      "the name of a network of the engine, or bridge for Docker's own",
    )
    .default(""),
  /** The addresses of that network, if the agent makes it; empty: Docker chooses. */
  ERU_AGENT_SUBNET: z
    .string()
    .refine(
      (text) => text === "" || (z.cidrv4().safeParse(text).success && /\/([89]|[12]\d|30)$/.test(text)),
      "an IPv4 subnet of 2 to 24 bits for addresses, as 10.1.7.0/24",
    )
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

type Where = {
  ERU_NODE_ADDRESS: string;
  ERU_AGENT_ADVERTISE: Addressing["advertise"];
  ERU_AGENT_PORTS: [number, number];
  ERU_AGENT_QUARANTINE_S: number;
  ERU_AGENT_NETWORK: string;
  ERU_AGENT_SUBNET: string;
  ERU_AGENT_MOUNTS: string[];
};

/** How others reach the containers of the node. */
export function addressingOf(config: Where): Addressing {
  const [first, last] = config.ERU_AGENT_PORTS;
  const quarantineMs = config.ERU_AGENT_QUARANTINE_S * 1_000;
  const network = networkOf(config);
  return {
    advertise: config.ERU_AGENT_ADVERTISE,
    address: config.ERU_NODE_ADDRESS,
    ports: { first, last, quarantineMs },
    quarantineMs,
    ...(network !== undefined && { network }),
    ...(config.ERU_AGENT_SUBNET !== "" && { subnet: config.ERU_AGENT_SUBNET }),
    mountable: config.ERU_AGENT_MOUNTS,
  };
}

/** Undefined: Docker's own bridge, which suffices where containers are reached by ports of the machine. */
function networkOf({ ERU_AGENT_NETWORK: name, ERU_AGENT_ADVERTISE: advertise }: Where): string | undefined {
  if (name === "bridge") return undefined;
  if (name !== "") return name;
  return advertise === "container" ? "eru" : undefined;
}
