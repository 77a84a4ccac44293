import { Hooks } from "@eru/events";

/** Labels on every container that Eru makes: enough to adopt it after the agent lost everything else. */
export const label = {
  workload: "eru.workload",
  deployment: "eru.deployment",
  app: "eru.app",
  entrypoint: "eru.entrypoint",
  release: "eru.release",
  generation: "eru.generation",
  node: "eru.node",
  graceSeconds: "eru.grace-seconds",
  spec: "eru.spec",
  /** JSON: what to run in the container before it is stopped. */
  hooks: "eru.hooks",
} as const;

/**
 * A running container may be paused: that is for its health check to notice. `unknown`: the engine lists it and does not
 * say more, because it is at work on it or stuck.
 */
export type ContainerState = "created" | "running" | "exited" | "removing" | "dead" | "unknown";

/** A port of the container that the engine mapped to the machine. */
export type PortMapping = { port: number; hostPort: number };

/** A container as the engine shows it. */
export type Container = {
  id: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  state: ContainerState;
  /** The engine's wall clock at the last start, milliseconds; absent when it never started. */
  startedAtMs?: number;
  /** Of the last run; absent while running and before the first start. */
  exitCode?: number;
  outOfMemory: boolean;
  /** Its own address; absent on the host's network and when it has none. */
  address?: string;
  /** The one it was told to have, running or not. */
  fixedAddress?: string;
  ports: readonly PortMapping[];
  /** What the engine was told about ports, running or not; absent: to choose, or nothing. */
  bound?: readonly PortMapping[];
  /** The cores it may use, as the engine was told; empty: every core. Absent when the engine did not say. */
  cpus?: string;
  /** What bounds it. Absent when the engine did not say. */
  bounds?: Bounds;
};

/** Bounds of a container in the words of Docker's API; 0 or empty is none. */
export type Bounds = {
  NanoCpus: number;
  CpuShares: number;
  CpusetCpus: string;
  Memory: number;
  MemorySwap: number;
  MemoryReservation: number;
};

/** A container that Eru made for a workload of this node. */
export type OwnContainer = Container & {
  workload: string;
  generation: number;
  graceSeconds: number;
  hooks: Hooks | undefined;
};

/** The one name a container of a workload's generation can have: the engine refuses a second one. */
export const containerName = (workload: string, generation: number): string =>
  `eru-${workload}-g${generation}`;

const graceSecondsDefault = 10;

/**
 * The container as ours, or undefined when Eru did not make it. Labels alone prove nothing: `docker commit` copies them
 * into an image and from there onto a user's container, so the name has to fit as well.
 */
export function own(container: Container, node: string): OwnContainer | undefined {
  const { labels, name } = container;
  const workload = labels[label.workload];
  const generation = Number(labels[label.generation]);
  if (workload === undefined || labels[label.node] !== node) return undefined;
  if (!Number.isSafeInteger(generation) || name !== containerName(workload, generation)) return undefined;
  const grace = Number(labels[label.graceSeconds]);
  const graceSeconds = Number.isSafeInteger(grace) && grace >= 0 ? grace : graceSecondsDefault;
  return { ...container, workload, generation, graceSeconds, hooks: hooksOf(labels[label.hooks]) };
}

/** The hooks of a label that Eru wrote; a text that nobody can read is none. */
function hooksOf(text: string | undefined): Hooks | undefined {
  if (text === undefined) return undefined;
  try {
    return Hooks.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
