import type Docker from "dockerode";
import type { Bounds, Container, ContainerState, PortMapping } from "./domain/container.ts";
import type { ContainerSpec } from "./domain/container-spec.ts";

/** What the engine calls a container that was never started. */
const neverStarted = /^0001-/;

const states: Readonly<Record<string, ContainerState>> = {
  created: "created",
  running: "running",
  paused: "running",
  restarting: "running",
  removing: "removing",
  exited: "exited",
  dead: "dead",
};

/** A container as Docker describes it. */
export function toContainer(inspected: Docker.ContainerInspectInfo): Container {
  const { State: engineState, NetworkSettings: network, Config: config, HostConfig: host } = inspected;
  const state = states[engineState.Status] ?? "exited";
  const ended = state === "exited" || state === "dead";
  const address = Object.values(network.Networks ?? {})
    .map((one) => one.IPAddress)
    .find((ip) => ip !== undefined && ip !== "");
  const fixedAddress = Object.values(network.Networks ?? {})
    .map((one) => (one.IPAMConfig as { IPv4Address?: string } | null)?.IPv4Address)
    .find((ip) => ip !== undefined && ip !== "");
  return {
    id: inspected.Id,
    name: inspected.Name.replace(/^\//, ""),
    labels: config.Labels ?? {},
    state,
    ...(!neverStarted.test(engineState.StartedAt) && { startedAtMs: Date.parse(engineState.StartedAt) }),
    ...(ended && { exitCode: engineState.ExitCode }),
    // The flag is also set when only a child was killed and the process itself ended well.
    outOfMemory: ended && engineState.OOMKilled && engineState.ExitCode !== 0,
    ...(address !== undefined && { address }),
    ...(fixedAddress !== undefined && { fixedAddress }),
    ports: mappings(network.Ports ?? {}),
    bound: mappings((host?.PortBindings ?? {}) as typeof network.Ports),
    ...(host && { cpus: host.CpusetCpus ?? "", bounds: boundsOf(host) }),
  };
}

/** Ports that Docker maps, or was told to map. */
export const mappings = (ports: Docker.ContainerInspectInfo["NetworkSettings"]["Ports"]): PortMapping[] =>
  Object.entries(ports).flatMap(([port, bindings]) => {
    const hostPort = Number(bindings?.[0]?.HostPort);
    return hostPort > 0 ? [{ port: Number.parseInt(port, 10), hostPort }] : [];
  });

const boundsOf = (host: Docker.ContainerInspectInfo["HostConfig"]): Bounds => ({
  NanoCpus: host.NanoCpus ?? 0,
  CpuShares: host.CpuShares ?? 0,
  CpusetCpus: host.CpusetCpus ?? "",
  Memory: host.Memory ?? 0,
  MemorySwap: host.MemorySwap ?? 0,
  MemoryReservation: host.MemoryReservation ?? 0,
});

/** The address that the container is told to have. */
export function fixedIn({ NetworkingConfig: config }: ContainerSpec): Pick<Container, "fixedAddress"> {
  const [fixed] = Object.values(config?.EndpointsConfig ?? {});
  return fixed ? { fixedAddress: fixed.IPAMConfig.IPv4Address } : {};
}
