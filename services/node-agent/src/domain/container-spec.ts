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
    NanoCpus?: number;
    Memory?: number;
    MemorySwap?: number;
    RestartPolicy: { Name: "no" };
    SecurityOpt: string[];
    LogConfig: { Type: "json-file"; Config: Record<string, string> };
  };
};

/** The engine refuses less, and reports it in words that help nobody. */
const memoryMibMin = 4;
const bytesPerMib = 1024 * 1024;
const nanosPerCpu = 1e9;
/** Output kept per container: three files of 10 MiB. */
const logFiles = { "max-size": "10m", "max-file": "3" };

/** Lists every setting of the container, or says why there can be none. */
export function containerSpec(
  assigned: Assigned,
  addressing: Addressing,
): { ok: true; spec: ContainerSpec } | { ok: false; error: string } {
  const { template, resources, workload, generation } = assigned;
  const { entrypoint } = template;
  if (resources.memoryMib > 0 && resources.memoryMib < memoryMibMin)
    return {
      ok: false,
      error: `memory is ${resources.memoryMib} MiB: a container needs ${memoryMibMin} MiB or more, or 0 for no limit`,
    };
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
    ExposedPorts: Object.fromEntries(published.map((port) => [port, {}])),
    HostConfig: {
      NetworkMode: entrypoint.network,
      // An empty port asks for a free one. On the advertised address alone: nothing is opened to other networks.
      PortBindings: Object.fromEntries(
        mapped.map((port) => [port, [{ HostIp: addressing.address, HostPort: "" }]]),
      ),
      ...(resources.cpu > 0 && { NanoCpus: Math.round(resources.cpu * nanosPerCpu) }),
      // Equal amounts mean no swap: a workload over its limit is ended, not slowed.
      ...(resources.memoryMib > 0 && {
        Memory: resources.memoryMib * bytesPerMib,
        MemorySwap: resources.memoryMib * bytesPerMib,
      }),
      // The agent restarts, with back-off and facts; two restarters would fight.
      RestartPolicy: { Name: "no" },
      SecurityOpt: ["no-new-privileges:true"],
      LogConfig: { Type: "json-file", Config: { ...logFiles } },
    },
  };
  return { ok: true, spec };
}

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
  [label.spec]: specDigest({ template, resources: assigned.resources }),
  ...(template.entrypoint.hooks && { [label.hooks]: JSON.stringify(template.entrypoint.hooks) }),
});

/**
 * Tells apart two orders that claim the same workload and generation. Not a safeguard against attacks: FNV-1a, 64 bits,
 * over the order with its keys sorted.
 */
export function specDigest({ template, resources }: Pick<Assigned, "template" | "resources">): string {
  let hash = 0xcbf29ce484222325n;
  for (const char of canonical({ template, resources })) {
    hash ^= BigInt(char.codePointAt(0) ?? 0);
    hash = BigInt.asUintN(64, hash * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.join(",")}}`;
};
