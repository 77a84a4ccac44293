import {
  type AssignmentEvent,
  commandFault,
  type DecisionEvent,
  type FactEvent,
  type Granted,
  type Resources,
} from "@eru/events";

/** What the node's agent last said about the workload. */
type Observed =
  | "assigned"
  | "created"
  | "started"
  | "healthy"
  | "unhealthy"
  | "exited"
  | "failed"
  | "stopped"
  | "released"
  | "removed";

/** All states of a workload, in the order of its life. */
export const workloadStates = [
  "assigned",
  "created",
  "started",
  "healthy",
  "unhealthy",
  "exited",
  "failed",
  "stopped",
  "draining",
  "stopping",
  "lost",
  "dissociated",
  "removed",
] as const;
export type WorkloadState = (typeof workloadStates)[number];

/** A workload as its row. Zero and one stand for no and yes, because that is what the table holds. */
export type Workload = {
  workload: string;
  deployment: string;
  pod: string;
  app: string;
  entrypoint: string;
  release: string;
  image: string | null;
  node: string;
  /** Of the newest order to run; facts of an older one are ignored. */
  generation: number;
  cpuMilli: number;
  memoryMib: number;
  /** JSON of everything it asks for, when that is more than cores and memory; else null. */
  asked: string | null;
  /** JSON of the parts of the node it got, when it got any; else null. */
  granted: string | null;
  observed: Observed;
  leaving: "draining" | "stopping" | null;
  lost: 0 | 1;
  state: WorkloadState;
  attempt: number;
  containerId: string | null;
  /** JSON: where its ports are reached. */
  endpoints: string;
  /** The entrypoint's first published port: where a route without a port sends to. */
  firstPort: number | null;
  lastError: string | null;
  lastErrorAt: string | null;
  exitCode: number | null;
  outOfMemory: 0 | 1;
  retryInMs: number | null;
  placedBecause: string | null;
  leavingBecause: string | null;
  /** JSON of the last change that a user asked of it; null when there was none. */
  change: string | null;
  /** JSON of the resources on their way to it; null when there are none. */
  reallocTo: string | null;
  placedSeq: number;
  placedAt: string;
  changedSeq: number;
  changedAt: string;
  startedAt: string | null;
  healthySeq: number | null;
  healthyAt: string | null;
  removedAt: string | null;
  /** While it is out of Eru with its container, since when; and who asked. */
  dissociatedAt: string | null;
  dissociatedBy: string | null;
};

/** Where in the log, and when by its writer's clock. */
export type At = { seq: number; time: string };

type Assigned = Extract<AssignmentEvent, { type: "WorkloadAssigned" }>;
type Removal = Extract<DecisionEvent, { type: "RemovalDecided" }>;
type Stop = Extract<DecisionEvent, { type: "StopDecided" }>;
/** A fact about one workload. */
export type ContainerFact = Exclude<
  Extract<FactEvent, { generation: number }>,
  { type: "ContainerReleased" | "ContainerAdopted" | "AdoptionFailed" }
>;

/** Thousandths of a core: sums of integers come back to exactly zero. */
export const toMilli = (cpu: number): number => Math.round(cpu * 1000);

/** What a workload books, as columns. Most ask for cores and memory and get no part in particular. */
export const bookingOf = (
  resources: Resources,
  granted: Granted | undefined,
): Pick<Workload, "cpuMilli" | "memoryMib" | "asked" | "granted"> => ({
  cpuMilli: toMilli(resources.cpu),
  memoryMib: resources.memoryMib,
  asked: askedOf(resources),
  granted: granted ? JSON.stringify(granted) : null,
});

/** A request that is more than cores and memory, as a column. */
export const askedOf = (resources: Resources): string | null =>
  Object.keys(resources).length > 2 ? JSON.stringify(resources) : null;

/**
 * True while the node's resources are booked for it: from the decision until its agent
 * removed it or let go of it, or the node is lost.
 */
export const books = ({ observed, lost }: Workload): boolean =>
  observed !== "removed" && observed !== "released" && lost === 0;

const stateOf = ({ observed, lost, leaving }: Pick<Workload, "observed" | "lost" | "leaving">) =>
  observed === "removed"
    ? "removed"
    : observed === "released"
      ? "dissociated"
      : lost === 1
        ? "lost"
        : (leaving ?? observed);

/** The row with what changed, and what follows from that. */
export const change = (current: Workload, at: At, changes: Partial<Workload>): Workload => {
  const next = { ...current, ...changes, changedSeq: at.seq, changedAt: at.time };
  next.state = stateOf(next);
  return next;
};

/** A workload as the scheduler named it. */
export function place(
  at: At,
  named: Pick<
    Workload,
    | "workload"
    | "deployment"
    | "pod"
    | "app"
    | "entrypoint"
    | "release"
    | "node"
    | "cpuMilli"
    | "memoryMib"
    | "asked"
    | "granted"
    | "placedBecause"
  >,
): Workload {
  return {
    image: null,
    generation: 0,
    observed: "assigned",
    leaving: null,
    lost: 0,
    state: "assigned",
    attempt: 0,
    containerId: null,
    endpoints: "[]",
    firstPort: null,
    lastError: null,
    lastErrorAt: null,
    exitCode: null,
    outOfMemory: 0,
    retryInMs: null,
    leavingBecause: null,
    change: null,
    reallocTo: null,
    placedSeq: at.seq,
    placedAt: at.time,
    changedSeq: at.seq,
    changedAt: at.time,
    startedAt: null,
    healthySeq: null,
    healthyAt: null,
    removedAt: null,
    dissociatedAt: null,
    dissociatedBy: null,
    ...named,
  };
}

/** The order to run it. A newer generation begins a new life; one that is not newer changes nothing. */
export function assign(current: Workload | undefined, event: Assigned, at: At): Workload {
  const { template, resources } = event;
  const before =
    current ??
    place(at, {
      workload: event.workload,
      deployment: event.deployment,
      pod: event.pod,
      app: template.app,
      entrypoint: template.entrypointName,
      release: template.release,
      node: event.node,
      ...bookingOf(resources, event.granted),
      placedBecause: null,
    });
  if (event.generation <= before.generation) return before;
  return change(before, at, {
    generation: event.generation,
    release: template.release,
    image: template.image,
    ...bookingOf(resources, event.granted),
    firstPort: template.entrypoint.publish[0] ?? null,
    ...(before.generation > 0 && {
      observed: "assigned" as const,
      leaving: null,
      leavingBecause: null,
      lost: 0 as const,
      attempt: 0,
      removedAt: null,
    }),
  });
}

/** The scheduler wants it gone: `draining` while requests may still reach it, then `stopping`. Never back. */
export function leave(current: Workload, event: Removal | Stop, at: At): Workload {
  if (current.observed === "removed") return current;
  if (event.type === "StopDecided") return change(current, at, { leaving: "stopping" });
  if (current.leaving === "stopping") return current;
  return change(current, at, {
    leaving: event.drain ? "draining" : "stopping",
    leavingBecause: event.because,
  });
}

/** The order to stop it was sent to its node. */
export const stop = (current: Workload, at: At): Workload =>
  current.observed === "removed" ? current : change(current, at, { leaving: "stopping" });

/** Its node was declared lost, or came back. What was observed before counts again after. */
export const setLost = (current: Workload, lost: 0 | 1, at: At): Workload =>
  current.observed === "removed" || current.lost === lost ? current : change(current, at, { lost });

const failure = (at: At, lastError: string) => ({ lastError, lastErrorAt: at.time });

/**
 * What the agent saw. Observed states only advance: facts of an older generation or start are ignored, and removed is
 * the end, except for a container that disappeared without an order and was made again.
 */
export function observe(current: Workload, fact: ContainerFact, at: At): Workload {
  if (fact.generation < current.generation) return current;
  if (current.observed === "released" && fact.type !== "ContainerRemoved") return current;
  if ("attempt" in fact && fact.attempt < current.attempt) return current;
  const again = fact.type === "ContainerCreated" || fact.type === "ContainerStarted";
  if (current.observed === "removed" && (current.leaving !== null || !again)) return current;
  switch (fact.type) {
    case "ContainerCreated":
      return change(current, at, { observed: "created", containerId: fact.containerId, removedAt: null });
    case "ContainerStarted":
      return change(current, at, {
        observed: "started",
        containerId: fact.containerId,
        attempt: fact.attempt,
        endpoints: JSON.stringify(fact.endpoints),
        retryInMs: null,
        startedAt: at.time,
        removedAt: null,
      });
    case "ContainerHealthy":
      return change(current, at, {
        observed: "healthy",
        attempt: fact.attempt,
        healthySeq: at.seq,
        healthyAt: at.time,
      });
    case "ContainerUnhealthy":
      return change(current, at, {
        observed: "unhealthy",
        attempt: fact.attempt,
        ...failure(at, fact.reason),
      });
    case "ReplacementUndone":
      return change(current, at, {
        ...{ observed: "created", containerId: fact.containerId, retryInMs: null },
        ...failure(at, fact.error),
      });
    case "HookEnded":
      return fact.ok
        ? current
        : change(current, at, failure(at, `${fact.hook.replace("_", "-")} hook: ${commandFault(fact.ran)}`));
    case "ContainerStopped":
      return change(current, at, {
        observed: "stopped",
        attempt: fact.attempt,
        endpoints: "[]",
        retryInMs: null,
        ...(fact.exitCode !== undefined && { exitCode: fact.exitCode }),
      });
    case "ContainerExited":
      return change(current, at, {
        observed: fact.retryInMs === undefined ? "failed" : "exited",
        attempt: fact.attempt,
        exitCode: fact.exitCode,
        outOfMemory: fact.outOfMemory ? 1 : 0,
        retryInMs: fact.retryInMs ?? null,
        ...failure(at, `exited with ${fact.exitCode}${fact.outOfMemory ? ", out of memory" : ""}`),
      });
    case "ContainerFailed":
      return change(current, at, {
        // Failing to stop or to look does not end what runs.
        ...(["pull", "create", "start"].includes(fact.step) && { observed: "failed" as const }),
        attempt: fact.attempt,
        retryInMs: fact.retryInMs ?? null,
        ...failure(at, `${fact.step}: ${fact.error}`),
      });
    case "ContainerRemoved":
      return change(current, at, {
        observed: "removed",
        endpoints: "[]",
        removedAt: at.time,
        retryInMs: null,
        ...(fact.exitCode !== undefined && { exitCode: fact.exitCode }),
        ...(!fact.ordered && failure(at, "disappeared without an order")),
      });
  }
}
