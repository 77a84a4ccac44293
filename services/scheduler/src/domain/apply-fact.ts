import type { FactEvent, RecordedEvent } from "@eru/events";
import { rebook } from "./amounts.ts";
import { endChange } from "./apply-change.ts";
import { applyDissociationFact, loseDissociated } from "./apply-dissociation.ts";
import { endRealloc } from "./apply-realloc.ts";
import { causeOf, forgetWorkload, noteBound } from "./changes.ts";
import { momentOf } from "./moment.ts";
import { touch } from "./touch.ts";
import { agentOf, type Phase, podOf, type Workload, type Zone } from "./zone.ts";

/** Characters of a failure that are remembered; the fact has them all. */
const failureMax = 1_000;
const factSubjectPrefix = "eru.fact.".length;

/** Folds what an agent observed. An agent speaks for its own node only, whatever its message says. */
export function applyFact(zone: Zone, recorded: RecordedEvent<FactEvent>): void {
  const { event } = recorded;
  const speaker = recorded.subject.slice(factSubjectPrefix);
  if (event.node !== speaker) return;
  if (event.type === "NodeObserved" || event.type === "EngineUnreachable" || event.type === "EngineBack") {
    const agent = agentOf(zone, speaker);
    if (event.type === "NodeObserved") agent.observed = event.resources;
    agent.engineError = event.type === "EngineUnreachable" ? event.error : undefined;
    const node = zone.nodes.get(speaker);
    if (node) {
      podOf(zone, node.pod).changed = true;
      if (event.type === "NodeObserved") {
        rebook(node);
        noteBound(podOf(zone, node.pod), node);
      }
    }
    return;
  }
  const workload = zone.workloads.get(event.workload);
  if (!workload && event.type === "ContainerRemoved") loseDissociated(zone, event);
  if (!workload || workload.node.name !== speaker) return;
  if (event.type === "ReallocDone" || event.type === "ReallocFailed") {
    endRealloc(zone, workload, event);
    return;
  }
  if (
    event.type === "ContainerReleased" ||
    event.type === "ContainerAdopted" ||
    event.type === "AdoptionFailed"
  ) {
    applyDissociationFact(zone, recorded, workload, event);
    return;
  }
  if (event.type === "ContainerRemoved") {
    // Removed by hand it is made again, so it keeps its room. Only the answer to the stop returns it.
    if (workload.stopping && event.generation >= workload.generation) forgetWorkload(zone, workload);
    // What was given up is not made again.
    else if (workload.phase !== "failed" && (event.generation >= workload.generation || !workload.change))
      advanceTo(zone, workload, workload.stopped ? "stopped" : "assigned");
    return;
  }
  advance(zone, workload, recorded, event);
}

/** The clock of its health starts anew when it was healthy and is no more. */
function advanceTo(zone: Zone, workload: Workload, phase: Phase): void {
  if (workload.phase === "healthy" && phase !== "healthy") workload.awaitedSince = momentOf(zone);
  workload.phase = phase;
}

type ContainerFact = Exclude<
  Extract<FactEvent, { generation: number }>,
  { type: "ContainerRemoved" | "ContainerReleased" | "ContainerAdopted" | "AdoptionFailed" }
>;

function advance(zone: Zone, workload: Workload, recorded: RecordedEvent, event: ContainerFact): void {
  // Of the container as it was before the newest order, which says nothing about it as it shall be.
  if (!workload.stopping && event.generation < workload.generation) return;
  const phase = phaseAfter(event);
  if (!phase) return;
  advanceTo(zone, workload, phase);
  workload.healthySeq = phase === "healthy" ? recorded.seq : 0;
  if (event.type === "ContainerUnhealthy") workload.failure = event.reason.slice(0, failureMax);
  if (event.type === "ContainerFailed")
    workload.failure = `${event.step}: ${event.error}`.slice(0, failureMax);
  if (event.type === "ContainerExited") workload.failure = exitInWords(workload, event);
  endChange(zone, workload, event);
  if (workload.going) return;
  if (phase === "failed") workload.deployment.cause = causeOf(recorded);
  // Passes act on health and on giving up; the steps towards them change no decision.
  if (phase === "healthy" || phase === "unhealthy" || phase === "failed") touch(zone, workload.deployment);
}

/** What is not Eru's may listen on a node's own network, too, so the most likely reason for an early end there is said. */
function exitInWords(workload: Workload, event: Extract<FactEvent, { type: "ContainerExited" }>): string {
  const exit = `exited with ${event.exitCode}${event.outOfMemory ? ", out of memory" : ""}`;
  const entrypoint = workload.deployment.contents.get(workload.version)?.template.entrypoint;
  if (entrypoint?.network !== "host" || entrypoint.publish.length === 0 || event.exitCode === 0) return exit;
  return `${exit}; it is on the host's network: see whether port ${entrypoint.publish.join(" or ")} is taken on ${workload.node.name}`;
}

function phaseAfter(event: ContainerFact): Phase | undefined {
  switch (event.type) {
    case "ContainerCreated":
    case "ReplacementUndone":
      return "created";
    case "ContainerStarted":
      return "started";
    case "HookEnded":
      return undefined;
    case "ContainerHealthy":
      return "healthy";
    case "ContainerUnhealthy":
      return "unhealthy";
    case "ContainerStopped":
      return "stopped";
    case "ContainerExited":
      return event.retryInMs === undefined ? "failed" : "exited";
    case "ContainerFailed":
      // What cannot be taken away says nothing about how it runs.
      if (event.step === "stop" || event.step === "remove" || event.step === "update") return undefined;
      return event.retryInMs === undefined ? "failed" : "exited";
  }
}
