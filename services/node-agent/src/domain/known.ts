import { commandFault, type Endpoint, type FactEvent, unreachable } from "@eru/events";
import type { Container } from "./container.ts";
import { sameEndpoints } from "./endpoints.ts";
import { carriedOn } from "./keep.ts";
import { backOffMs, steadyMs } from "./restart.ts";

/** Facts about a workload's containers. */
export type WorkloadFact = Extract<FactEvent, { generation: number }>;
/** Facts about the node itself. */
export type NodeFact = Extract<FactEvent, { type: "NodeObserved" | "EngineUnreachable" | "EngineBack" }>;

/** What the log has been told about a workload at its newest generation, and what follows from it. */
export type Known = {
  generation: number;
  phase:
    | "none"
    | "created"
    | "started"
    | "healthy"
    | "unhealthy"
    | "exited"
    | "failed"
    | "stopped"
    /** Let go of: none of our concern. */
    | "released"
    /** Taken back while it ran: its start is to be reported, and was long ago. */
    | "adopted"
    | "removed";
  /** The container that was reported and not yet reported as removed. */
  containerId: string | undefined;
  /** The newest start that was tried. */
  attempt: number;
  /** The generation of the newest start. */
  startedGeneration: number;
  /** Wall clock, the engine's start of `attempt` or a little later; 0 when it never started. */
  startedAtMs: number;
  endpoints: readonly Endpoint[];
  /** Monotonic, of the newest start. */
  sinceMs: number;
  /** Monotonic, since when it has been healthy without a break. */
  healthySinceMs: number | undefined;
  /** Retries since the last steady minute. */
  retries: number;
  /** The start whose after-start hook is over. */
  hookedAttempt: number;
  /** Why that start does not count: its hook had to succeed. */
  hookFault: string | undefined;
  /** How often the before-stop hook of a container was run. */
  stopHook: { containerId: string; tries: number; ok: boolean } | undefined;
  /** Disappearances without an order since the last steady minute. */
  vanished: number;
  /** Monotonic; nothing is started before. */
  retryAtMs: number | undefined;
  /** It will not be started again at this generation. */
  ended: boolean;
  /** What went wrong last, for people. */
  trouble: string;
  /** It was healthy once at this generation. */
  proven: boolean;
  /** The old container that counts again at this generation, because what was to take its place was given up. */
  undone: string | undefined;
};

/** When a fact was made. */
export type FactTime = {
  /** Monotonic: for waits. */
  atMs: number;
  /** The engine's start time for a ContainerStarted, or any later time of the same clock. */
  startedAtMs: number;
};

/** A workload of which nothing has been reported at this generation. */
export const unknown = (generation: number): Known => ({
  generation,
  phase: "none",
  containerId: undefined,
  attempt: 0,
  startedGeneration: 0,
  startedAtMs: 0,
  endpoints: [],
  sinceMs: 0,
  healthySinceMs: undefined,
  retries: 0,
  hookedAttempt: 0,
  hookFault: undefined,
  stopHook: undefined,
  vanished: 0,
  retryAtMs: undefined,
  ended: false,
  trouble: "",
  proven: false,
  undone: undefined,
});

/** The state after a fact; the same function serves the own history at start and every fact as it is made. */
export function evolve(current: Known | undefined, fact: WorkloadFact, time: FactTime): Known {
  if (current && fact.generation < current.generation) return current;
  const before = knownBefore(current, fact);
  switch (fact.type) {
    case "ContainerCreated":
      return { ...before, phase: "created", containerId: fact.containerId };
    case "ContainerStarted":
      return {
        ...settled(before, time.atMs),
        phase: "started",
        containerId: fact.containerId,
        attempt: fact.attempt,
        startedGeneration: fact.generation,
        startedAtMs: time.startedAtMs,
        endpoints: fact.endpoints,
        sinceMs: time.atMs,
        retryAtMs: undefined,
        hookFault: undefined,
        stopHook: undefined,
        // It went on running while nobody looked: its hook was over before that.
        ...(before.phase === "adopted" && { hookedAttempt: fact.attempt }),
      };
    case "ContainerHealthy":
      return { ...before, phase: "healthy", healthySinceMs: time.atMs, proven: true };
    case "ContainerUnhealthy":
      return { ...settled(before, time.atMs), phase: "unhealthy", trouble: fact.reason };
    case "HookEnded":
      return hooked(before, fact);
    case "ContainerExited":
      return retrying(
        { ...ended(before, fact.attempt, time), phase: "exited", trouble: exitInWords(fact) },
        fact,
        time.atMs,
      );
    case "ContainerFailed":
      // A container that cannot be seen or taken away says nothing about starting it.
      if (["inspect", "update", "stop", "remove"].includes(fact.step)) return before;
      return retrying(
        {
          ...settled(before, time.atMs),
          ...{ phase: "failed", attempt: fact.attempt, trouble: `${fact.step}: ${fact.error}` },
        },
        fact,
        time.atMs,
      );
    case "ContainerStopped":
      return { ...settled(before, time.atMs), phase: "stopped" };
    case "ContainerReleased":
      return { ...settled(before, time.atMs), phase: "released", containerId: fact.containerId };
    case "ContainerAdopted":
      return { ...before, phase: fact.running ? "adopted" : "created", containerId: fact.containerId };
    case "AdoptionFailed":
      return { ...before, phase: "failed", containerId: undefined, ended: true };
    case "ReplacementUndone":
      return tookBack(before, fact, time);
    case "ContainerRemoved":
      return removed(settled(before, time.atMs), fact.ordered, time.atMs);
    default:
      return unreachable(fact);
  }
}

const exitInWords = ({ exitCode, outOfMemory }: Extract<WorkloadFact, { type: "ContainerExited" }>): string =>
  `exited with ${exitCode}${outOfMemory ? ", out of memory" : ""}`;

/** The old container counts again. What was reported of its own start is reported anew when it is started. */
const tookBack = (
  known: Known,
  { containerId }: Extract<WorkloadFact, { type: "ReplacementUndone" }>,
  { startedAtMs }: FactTime,
): Known => ({
  ...known,
  ...{ phase: "created", containerId, undone: containerId, startedAtMs, stopHook: undefined },
  ...{ retries: 0, retryAtMs: undefined, ended: false, hookFault: undefined },
});

/** A newer order may go on with the same container; a new one begins with nothing known. */
function knownBefore(current: Known | undefined, fact: WorkloadFact): Known {
  if (!current) return unknown(fact.generation);
  if (fact.generation === current.generation) return current;
  return isAnother(current, fact) ? unknown(fact.generation) : carriedOn(current, fact.generation);
}

function isAnother({ containerId }: Known, fact: WorkloadFact): boolean {
  if (fact.type === "ContainerStarted") return fact.containerId !== containerId;
  if (fact.type === "ContainerFailed") return fact.step === "pull" || fact.step === "create";
  return fact.type === "ContainerCreated" || fact.type === "ContainerRemoved";
}

const steady = ({ healthySinceMs }: Known, atMs: number): boolean =>
  healthySinceMs !== undefined && atMs - healthySinceMs >= steadyMs;

/** The retries that count at this moment: a long healthy stretch wipes out what came before it. */
export const retriesNow = (known: Known, atMs: number): number => (steady(known, atMs) ? 0 : known.retries);

/** The end of a healthy stretch. */
const settled = (known: Known, atMs: number): Known =>
  steady(known, atMs)
    ? { ...known, healthySinceMs: undefined, retries: 0, vanished: 0 }
    : { ...known, healthySinceMs: undefined };

type Ending = Extract<WorkloadFact, { type: "ContainerExited" | "ContainerFailed" }>;

const retrying = (known: Known, { retryInMs, folded = 0 }: Ending, atMs: number): Known =>
  retryInMs === undefined
    ? { ...known, ended: true, retryAtMs: undefined }
    : { ...known, retries: known.retries + 1 + folded, retryAtMs: atMs + retryInMs };

/** The end of a start; when that one was folded away, its end is the first that is heard of it. */
const ended = (known: Known, attempt: number, time: FactTime): Known =>
  attempt > known.attempt
    ? { ...settled(known, time.atMs), attempt, startedAtMs: Math.max(known.startedAtMs, time.startedAtMs) }
    : settled(known, time.atMs);

function hooked(known: Known, fact: Extract<WorkloadFact, { type: "HookEnded" }>): Known {
  const { containerId, ok, forced } = fact;
  if (fact.hook === "after_start") {
    const fault = ok || !forced ? undefined : `after-start hook ${commandFault(fact.ran)}`;
    return { ...known, hookedAttempt: fact.attempt, hookFault: fault };
  }
  const before = known.stopHook?.containerId === containerId ? known.stopHook.tries : 0;
  return { ...known, stopHook: { containerId, tries: before + 1, ok } };
}

/** Who removes a container by hand gets it back at once; who does so again and again, slower and slower. */
function removed(known: Known, ordered: boolean, atMs: number): Known {
  const gone: Known = { ...known, phase: "removed", containerId: undefined, undone: undefined };
  if (ordered) return gone;
  const waitMs = known.vanished === 0 ? 0 : backOffMs(known.vanished - 1);
  return {
    ...gone,
    vanished: known.vanished + 1,
    retryAtMs: Math.max(known.retryAtMs ?? 0, atMs + waitMs),
  };
}

/** What the log has been told about the node itself. */
export type KnownNode = {
  engineReachable: boolean;
  observed: Extract<NodeFact, { type: "NodeObserved" }> | undefined;
};

/** Before the first fact: a node is taken to have an engine until it says otherwise. */
export const unknownNode: KnownNode = { engineReachable: true, observed: undefined };

/** The state after a fact about the node. */
export function evolveNode(known: KnownNode, fact: NodeFact): KnownNode {
  switch (fact.type) {
    case "NodeObserved":
      return { ...known, observed: fact };
    case "EngineUnreachable":
      return { ...known, engineReachable: false };
    case "EngineBack":
      return { ...known, engineReachable: true };
    default:
      return unreachable(fact);
  }
}

/** True for facts about a workload's containers. */
export const isWorkloadFact = (fact: FactEvent): fact is WorkloadFact => "generation" in fact;

/** Whether it was started and nothing is heard of its end. */
export const up = ({ phase }: Known): boolean =>
  phase === "started" || phase === "healthy" || phase === "unhealthy";

/** A start that was not reported: newer than the last one, or found running where an end was reported, or moved. */
export function startedAnew(known: Known, kept: Container, reached: readonly Endpoint[]): boolean {
  if ((kept.startedAtMs ?? 0) > known.startedAtMs) return true;
  return kept.state === "running" && (!up(known) || !sameEndpoints(known.endpoints, reached));
}
