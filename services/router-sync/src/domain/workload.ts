import type { AssignmentEvent, Endpoint, FactEvent } from "@eru/events";

/** What a rollout under way brings, or the rest. */
export type Track = "stable" | "canary";

/** What routing needs to know of one workload. */
export type Workload = {
  readonly id: string;
  readonly deployment: string;
  readonly node: string;
  readonly pod: string;
  /** `<app>/<entrypoint>` */
  readonly entrypoint: string;
  readonly release: string;
  /** The port a rule without one means: the first that the entrypoint publishes. */
  readonly firstPort: number | undefined;
  readonly assigned: number;
  /** Generation and attempt of the container that facts were last about. */
  readonly generation: number;
  readonly attempt: number;
  readonly endpoints: readonly Endpoint[];
  readonly healthy: boolean;
  /** When it became healthy by its agent's clock, in seconds since the epoch. */
  readonly healthySince: number | undefined;
  /** Takes no new requests: its removal was decided. */
  readonly draining: boolean;
  /** Given up because its node was lost, and replaced as soon as anything else is healthy. */
  readonly abandoned: boolean;
};

type Assigned = Extract<AssignmentEvent, { type: "WorkloadAssigned" }>;
type ContainerFact = Extract<FactEvent, { generation: number }>;

/** The workload an assignment makes, or the one before when the assignment is not newer. Every order begins it anew. */
export function assign(before: Workload | undefined, event: Assigned): Workload {
  if (before && before.assigned >= event.generation) return before;
  const { template } = event;
  return {
    id: event.workload,
    deployment: event.deployment,
    node: event.node,
    pod: event.pod,
    entrypoint: `${template.app}/${template.entrypointName}`,
    release: template.release,
    firstPort: template.entrypoint.publish[0],
    assigned: event.generation,
    // Of the container as it was before the order, facts may still come: they say nothing any more.
    generation: event.generation > 1 ? event.generation : (before?.generation ?? 0),
    attempt: 0,
    endpoints: [],
    healthy: false,
    healthySince: undefined,
    draining: false,
    abandoned: before?.abandoned ?? false,
  };
}

/** The workload after a fact of its container. Facts about an older container than the last known change nothing. */
export function observe(before: Workload, event: ContainerFact): Workload {
  const { generation } = event;
  if (generation < before.generation) return before;
  const known =
    generation === before.generation
      ? before
      : { ...before, generation, attempt: 0, endpoints: [], healthy: false };
  switch (event.type) {
    case "ContainerStarted":
      return event.attempt < known.attempt
        ? known
        : { ...known, attempt: event.attempt, endpoints: event.endpoints, healthy: false };
    case "ContainerHealthy":
      return event.attempt === known.attempt ? { ...known, healthy: true } : known;
    case "ContainerUnhealthy":
      return event.attempt === known.attempt ? { ...known, healthy: false } : known;
    case "ContainerExited":
      return event.attempt < known.attempt ? known : { ...known, healthy: false };
    case "ContainerFailed":
      // A container that could not be stopped or looked at may well go on serving.
      return event.attempt < known.attempt || !["pull", "create", "start"].includes(event.step)
        ? known
        : { ...known, healthy: false };
    case "ContainerRemoved":
    case "ContainerReleased":
    case "AdoptionFailed":
      return { ...known, healthy: false };
    case "ContainerStopped":
      return { ...known, healthy: false };
    case "ContainerCreated":
    case "ContainerAdopted":
    case "ReplacementUndone":
    case "HookEnded": // Nothing is healthy before its hook is over.
      return known;
  }
}
