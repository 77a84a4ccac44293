import { type EngineSettings, engineSettings } from "@eru/resources";
import { canonical } from "./canonical.ts";
import { containerName, label } from "./container.ts";
import type { Assigned } from "./desired.ts";
import type { Addressing } from "./endpoints.ts";
import type { InheritedNetwork } from "./take-over.ts";

/** What the engine is asked to create: the part of Docker's own create request that Eru uses. */
export type ContainerSpec = {
  name: string;
  Image: string;
  Cmd?: string[];
  Env: string[];
  Labels: Record<string, string>;
  WorkingDir?: string;
  StopTimeout: number;
  ExposedPorts: Record<string, Record<string, never>>;
  HostConfig: {
    NetworkMode: string;
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]>;
    RestartPolicy: { Name: "no" };
    SecurityOpt: string[];
    LogConfig: { Type: "json-file"; Config: Record<string, string> };
  } & Omit<EngineSettings, "PortBindings">;
  /** An address on a network of its own. */
  NetworkingConfig?: { EndpointsConfig: Record<string, { IPAMConfig: { IPv4Address: string } }> };
};

/** The engine refuses less, and reports it in words that help nobody. */
const memoryMibMin = 4;
/** Output kept per container: three files of 10 MiB. */
const logFiles = { "max-size": "10m", "max-file": "3" };

/** What else decides how a container is made: the cores of the unbound, and the network that it takes over. */
type Surroundings = {
  sharedCores?: readonly string[];
  network?: InheritedNetwork | undefined;
  /** One for each published port, where the agent chooses them. */
  hostPorts?: readonly number[] | undefined;
  /** On the containers' network, where the agent chooses it. */
  address?: string | undefined;
};

/** Lists every setting of the container, or says why there can be none. */
export function containerSpec(
  assigned: Assigned,
  addressing: Addressing,
  { sharedCores = [], network, hostPorts, address }: Surroundings = {},
): { ok: true; spec: ContainerSpec } | { ok: false; error: string } {
  const { template, resources, workload, generation } = assigned;
  const { entrypoint } = template;
  const bound = resources.memoryLimitMib ?? resources.memoryMib;
  if (bound > 0 && bound < memoryMibMin)
    return {
      ok: false,
      error: `memory is ${bound} MiB: a container needs ${memoryMibMin} MiB or more, or 0 for no limit`,
    };
  const barred = resources.volumes?.find(({ from }) => from !== undefined && !isMountable(from, addressing));
  if (barred)
    return {
      ok: false,
      error: `${barred.from} may not be mounted on ${assigned.node}: start its agent with ERU_AGENT_MOUNTS=${barred.from}, or ask for an AUTO volume`,
    };
  const lost = network && notInherited(assigned, addressing, network);
  if (lost !== undefined) return { ok: false, error: lost };
  const { PortBindings: wished, ...settings } = engineSettings({
    workload,
    resources,
    granted: assigned.granted ?? {},
    sharedCores,
    address: addressing.address,
    network: entrypoint.network,
  });
  const published = entrypoint.publish.map((port) => `${port}/tcp`);
  const mapped = addressing.advertise === "node" && entrypoint.network === "bridge" ? entrypoint.publish : [];
  const hostPortOf = (port: number) =>
    inherited(network, port) ?? hostPorts?.[entrypoint.publish.indexOf(port)] ?? "";
  const spec: ContainerSpec = {
    name: containerName(workload, generation),
    Image: template.image,
    ...(entrypoint.command.length > 0 && { Cmd: [...entrypoint.command] }),
    Env: environment(assigned, addressing),
    Labels: labels(assigned),
    ...(entrypoint.dir !== undefined && { WorkingDir: entrypoint.dir }),
    StopTimeout: entrypoint.graceSeconds,
    ExposedPorts: Object.fromEntries([...published, ...Object.keys(wished ?? {})].map((port) => [port, {}])),
    HostConfig: {
      NetworkMode: entrypoint.network === "bridge" ? (addressing.network ?? "bridge") : "host",
      // An empty port asks for a free one. On the advertised address alone: nothing is opened to other networks.
      PortBindings: {
        ...Object.fromEntries(
          mapped.map((port) => [
            `${port}/tcp`,
            [{ HostIp: addressing.address, HostPort: String(hostPortOf(port)) }],
          ]),
        ),
        ...wished,
      },
      ...settings,
      // The agent restarts, with back-off and facts; two restarters would fight.
      RestartPolicy: { Name: "no" },
      SecurityOpt: ["no-new-privileges:true"],
      LogConfig: { Type: "json-file", Config: { ...logFiles } },
    },
  };
  return {
    ok: true,
    spec: { ...spec, ...addressOn(assigned, addressing, network ? addressOf(network) : address) },
  };
}

const inherited = (network: InheritedNetwork | undefined, port: number): number | undefined =>
  [...(network?.ports ?? []), ...(network?.bound ?? [])].find((one) => one.port === port)?.hostPort;

/** Why a container cannot have the network of the one before it; undefined when it can. */
function notInherited(
  { template: { entrypoint }, node }: Assigned,
  { advertise, network }: Addressing,
  of: InheritedNetwork,
): string | undefined {
  if (entrypoint.network === "host" || entrypoint.publish.length === 0) return undefined;
  if (advertise === "node")
    return entrypoint.publish.every((port) => inherited(of, port) !== undefined)
      ? undefined
      : "the ports of the old container are not known, because it does not run: start it first, or replace it without its network";
  if (network === undefined)
    return `the address cannot be kept: Docker gives those of its own bridge as it likes. Start the agent of ${node} with another ERU_AGENT_NETWORK than bridge, or replace it without its network`;
  return addressOf(of) === undefined
    ? "the address of the old container is not known, because it does not run: start it first, or replace it without its network"
    : undefined;
}

function addressOn(
  { template: { entrypoint } }: Assigned,
  { advertise, network: name }: Addressing,
  address: string | undefined,
): Pick<ContainerSpec, "NetworkingConfig"> {
  if (advertise === "node" || entrypoint.network === "host") return {};
  if (name === undefined || address === undefined) return {};
  return { NetworkingConfig: { EndpointsConfig: { [name]: { IPAMConfig: { IPv4Address: address } } } } };
}

const addressOf = ({ address, fixedAddress }: InheritedNetwork): string | undefined =>
  fixedAddress ?? address;

/** A mounted path may give away the machine, so its user says which may be: below these directories only. */
const isMountable = (path: string, { mountable = [] }: Addressing): boolean =>
  mountable.some(
    (allowed) => path === allowed || path.startsWith(allowed.endsWith("/") ? allowed : `${allowed}/`),
  );

/** The deployment's variables override the entrypoint's; Eru's own names cannot be set by users. */
function environment({ template, ...assigned }: Assigned, { address }: Addressing): string[] {
  const variables: Record<string, string> = {
    ...template.entrypoint.env,
    ...template.env,
    APP_NAME: template.app,
    ERU_POD: assigned.pod,
    ERU_NODE_NAME: assigned.node,
    ERU_NODE_IP: address,
    ERU_WORKLOAD: assigned.workload,
    ERU_DEPLOYMENT: assigned.deployment,
    ERU_ENTRYPOINT: template.entrypointName,
    ERU_RELEASE: template.release,
  };
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

const labels = ({ template, ...assigned }: Assigned): Record<string, string> => ({
  [label.workload]: assigned.workload,
  [label.deployment]: assigned.deployment,
  [label.app]: template.app,
  [label.entrypoint]: template.entrypointName,
  [label.release]: template.release,
  [label.generation]: String(assigned.generation),
  [label.node]: assigned.node,
  [label.graceSeconds]: String(template.entrypoint.graceSeconds),
  [label.spec]: specDigest({ template, resources: assigned.resources, granted: assigned.granted }),
  ...(template.entrypoint.hooks && { [label.hooks]: JSON.stringify(template.entrypoint.hooks) }),
});

/**
 * Tells apart two orders that claim the same workload and generation. Not a safeguard against attacks: FNV-1a, 64 bits,
 * over the order with its keys sorted.
 */
export function specDigest(order: Pick<Assigned, "template" | "resources" | "granted">): string {
  let hash = 0xcbf29ce484222325n;
  for (const char of canonical(order)) {
    hash ^= BigInt(char.codePointAt(0) ?? 0);
    hash = BigInt.asUintN(64, hash * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}
