import { type EngineSettings, engineSettings } from "@eru/resources";
import { canonical } from "./canonical.ts";
import { containerName, label } from "./container.ts";
import type { Assigned } from "./desired.ts";
import type { Addressing } from "./endpoints.ts";

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
    NetworkMode: "bridge" | "host";
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]>;
    RestartPolicy: { Name: "no" };
    SecurityOpt: string[];
    LogConfig: { Type: "json-file"; Config: Record<string, string> };
  } & Omit<EngineSettings, "PortBindings">;
};

/** The engine refuses less, and reports it in words that help nobody. */
const memoryMibMin = 4;
/** Output kept per container: three files of 10 MiB. */
const logFiles = { "max-size": "10m", "max-file": "3" };

/** Lists every setting of the container, or says why there can be none. */
export function containerSpec(
  assigned: Assigned,
  addressing: Addressing,
  sharedCores: readonly string[] = [],
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
  const { PortBindings: wished, ...settings } = engineSettings({
    workload,
    resources,
    granted: assigned.granted ?? {},
    sharedCores,
    address: addressing.address,
    network: entrypoint.network,
  });
  const published = entrypoint.publish.map((port) => `${port}/tcp`);
  const mapped = addressing.advertise === "node" && entrypoint.network === "bridge" ? published : [];
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
      NetworkMode: entrypoint.network,
      // An empty port asks for a free one. On the advertised address alone: nothing is opened to other networks.
      PortBindings: {
        ...Object.fromEntries(mapped.map((port) => [port, [{ HostIp: addressing.address, HostPort: "" }]])),
        ...wished,
      },
      ...settings,
      // The agent restarts, with back-off and facts; two restarters would fight.
      RestartPolicy: { Name: "no" },
      SecurityOpt: ["no-new-privileges:true"],
      LogConfig: { Type: "json-file", Config: { ...logFiles } },
    },
  };
  return { ok: true, spec };
}

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
