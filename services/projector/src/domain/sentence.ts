import type { DecisionEvent, EruEvent, FactEvent, GivenResources } from "@eru/events";
import { commandFault, countsPerNode, unreachable } from "@eru/events";
import { type AboutDissociation, ofDissociation } from "./dissociation-sentence.ts";
import { ofPreemption } from "./preempt-sentence.ts";
import { ofQuota, ofTurn } from "./quota-sentence.ts";
import { ofRealloc } from "./realloc-sentence.ts";
import { rolloutSentence, stepSentence } from "./rollout-sentence.ts";
import { usageSentence } from "./usage-sentence.ts";
import { shortage, waitedFor } from "./wish.ts";

type Fact = Exclude<FactEvent, AboutDissociation>;
type Decision = Exclude<DecisionEvent, AboutDissociation>;
type Intent = Exclude<EruEvent, DecisionEvent | FactEvent | AboutDissociation>;

/** What an event says, in one line a person can read. */
export const sentence = (event: EruEvent): string =>
  words(event)
    .replaceAll(/\s*\n\s*/g, " ")
    .trim();

function words(event: EruEvent): string {
  switch (event.type) {
    case "NodeObserved":
    case "EngineUnreachable":
    case "EngineBack":
    case "ContainerCreated":
    case "ContainerStarted":
    case "ContainerHealthy":
    case "ContainerUnhealthy":
    case "HookEnded":
    case "ContainerExited":
    case "ContainerFailed":
    case "ContainerStopped":
    case "ReplacementUndone":
    case "ContainerRemoved":
    case "ReallocDone":
    case "ReallocFailed":
      return ofFact(event);
    case "DissociationRequested":
    case "AdoptionRequested":
    case "DissociationDecided":
    case "ReleaseOrdered":
    case "DissociationRefused":
    case "AdoptionDecided":
    case "AdoptionRefused":
    case "WorkloadReleaseAssigned":
    case "ContainerReleased":
    case "ContainerAdopted":
    case "AdoptionFailed":
      return ofDissociation(event);
    case "PlacementDecided":
    case "PlacementDeferred":
    case "PlacementRefused":
    case "SetsDecided":
    case "RemovalDecided":
    case "MoveDropped":
    case "PreemptionDecided":
    case "PreemptionEnded":
    case "StopDecided":
    case "ChangeDecided":
    case "ChangeOrdered":
    case "ChangeRefused":
    case "ReallocDecided":
    case "ReallocRefused":
    case "RolloutStepped":
    case "DeploymentHalted":
    case "DeploymentSteady":
    case "DeploymentEnded":
    case "SharedCoresDecided":
    case "NodeSuspected":
    case "NodeLost":
    case "NodeRecovered":
    case "NodeLossHeld":
    case "DrainOverdue":
      return ofDecision(event);
    default:
      return ofIntent(event);
  }
}

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
const retry = (ms: number | undefined): string =>
  ms === undefined ? "gave up" : `tries again in ${seconds(ms)}`;

/** Starts of a crash loop that have no fact of their own. */
const folded = (starts: number | undefined): string =>
  starts === undefined ? "" : ` (${many(starts, "failed start")} before it went unreported)`;

const hookEnd = ({ ran, forced }: Extract<FactEvent, { type: "HookEnded" }>): string => {
  const fault = commandFault(ran);
  if (fault === undefined) return `ran, ${many(ran.length, "command")}`;
  return `failed${forced ? "" : ", which it may"}: ${fault}`;
};

const offer = (resources: GivenResources): string =>
  Object.entries(resources)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ") || "what its agent reports";

const sharedCores = (cores: readonly string[]): string =>
  cores.length === 0
    ? "may use every core"
    : `keep to ${cores.length === 1 ? "core" : "cores"} ${cores.join(", ")}`;

function ofFact(event: Fact): string {
  switch (event.type) {
    case "NodeObserved":
      return `agent ${event.agentVersion} found ${event.resources.cpu} cores, ${event.resources.memoryMib} MiB and engine ${event.engine} on ${event.node}`;
    case "EngineUnreachable":
      return `the engine on ${event.node} does not answer: ${event.error}`;
    case "EngineBack":
      return `the engine on ${event.node} answers again`;
    case "ContainerCreated":
      return `${event.workload} has a container on ${event.node}`;
    case "ContainerStarted":
      return `${event.workload} started on ${event.node}, start ${event.attempt}`;
    case "ContainerHealthy":
      return `${event.workload} is healthy on ${event.node}`;
    case "ContainerUnhealthy":
      return `${event.workload} is unhealthy on ${event.node}: ${event.reason}`;
    case "HookEnded":
      return `${event.workload}: the ${event.hook.replace("_", "-")} hook ${hookEnd(event)} on ${event.node}`;
    case "ContainerExited":
      return `${event.workload} exited with ${event.exitCode}${event.outOfMemory ? ", out of memory" : ""} on ${event.node}, ${retry(event.retryInMs)}${folded(event.folded)}`;
    case "ContainerFailed":
      return `${event.workload} failed to ${event.step} on ${event.node}, ${retry(event.retryInMs)}${folded(event.folded)}: ${event.error}`;
    case "ContainerStopped":
      return `${event.workload} is stopped on ${event.node} and kept`;
    case "ReplacementUndone":
      return `${event.workload} on ${event.node} is its old container again, the new one was given up: ${event.error}`;
    case "ContainerRemoved":
      return `${event.workload} is gone from ${event.node}${event.ordered ? "" : ", nobody ordered it"}`;
    case "ReallocDone":
    case "ReallocFailed":
      return ofRealloc(event);
    default:
      return unreachable(event);
  }
}

/** The deployment whose doing it is. */
const by = (deployment: string | undefined): string => (deployment === undefined ? "" : ` by ${deployment}`);

/** What the load balancers still counted at a drain's deadline. */
const inFlight = (count: number | undefined): string => (count === undefined ? "" : `, ${count} in flight`);

const setsText = (event: Extract<DecisionEvent, { type: "SetsDecided" }>): string => {
  const { perNode, nodesChosen, nodesLacking, wanted, detail } = event;
  const lacking = nodesLacking > 0 ? `, ${many(nodesLacking, "node")} lacking` : "";
  return `${perNode} per node on ${many(nodesChosen, "node")}${lacking}, ${many(wanted, "workload")} wanted${detail === "" ? "" : `; ${detail}`}`;
};

function ofDecision(event: Decision): string {
  switch (event.type) {
    case "PlacementDecided": {
      const nodes = new Set(event.placed.map(({ node }) => node)).size;
      const rest = event.waiting > 0 ? `; ${shortage(event.waiting, "wait", event.reasons)}` : "";
      return `${event.deployment}: placed ${many(event.placed.length, "workload")} on ${many(nodes, "node")} (${event.because}${by(event.displacedBy)})${rest}`;
    }
    case "PlacementDeferred":
      return `${event.deployment}: ${shortage(event.waiting, "wait", event.reasons, event.displacedBy)}`;
    case "PlacementRefused":
      return `${event.deployment}: ${waitedFor(event.waitedMs)}${shortage(event.refused, "refused", event.reasons)}`;
    case "SetsDecided":
      return `${event.deployment}: ${setsText(event)}`;
    case "RemovalDecided":
      return `${event.workload} shall go from ${event.node} (${event.because}${by(event.by)})${event.drain ? ", drains first" : ""}`;
    case "PreemptionDecided":
    case "PreemptionEnded":
      return ofPreemption(event);
    case "StopDecided":
      return `${event.workload} shall stop on ${event.node} (${event.because}${inFlight(event.inFlight)})`;
    case "ChangeDecided":
      return `${event.workload}: ${event.change} on ${event.node} begins${event.drain ? ", drains first" : ""}${event.inPlace === undefined ? "" : `, in place because ${event.inPlace}`}${event.risk === "" ? "" : `; ${event.risk}`}`;
    case "ChangeOrdered":
      return `${event.workload}: ${event.change} is ordered on ${event.node} (${event.because}${inFlight(event.inFlight)})`;
    case "ChangeRefused":
      return `${event.workload}: no ${event.change}: ${event.detail}`;
    case "ReallocDecided":
    case "ReallocRefused":
      return ofRealloc(event);
    case "RolloutStepped":
      return stepSentence(event);
    case "DeploymentHalted":
      return `${event.deployment}: halted after ${many(event.failures, "failure")}: ${event.detail}`;
    case "DeploymentSteady":
      return `${event.deployment}: steady again`;
    case "MoveDropped":
      return `${event.workload} stays and does not move to ${event.to}: ${event.detail}`;
    case "DeploymentEnded":
      return `${event.deployment}: nothing of it is left`;
    case "SharedCoresDecided":
      return `workloads of ${event.node} that are not bound ${sharedCores(event.cores)}`;
    case "NodeSuspected":
      return `${event.node} has been silent for ${seconds(event.silentMs)} and gets no new workloads`;
    case "NodeLost":
      return `${event.node} has been silent for ${seconds(event.silentMs)} and is lost with ${many(event.workloads, "workload")}`;
    case "NodeRecovered":
      return `${event.node} is alive`;
    case "NodeLossHeld":
      return `${event.nodes.length} of ${event.nodesTotal} nodes fell silent at once: nothing is moved`;
    case "DrainOverdue":
      return `the drain of ${event.node} has taken longer than it may and is paused, ${many(event.left, "workload")} left`;
    default:
      return unreachable(event);
  }
}

function ofIntent(event: Intent): string {
  switch (event.type) {
    case "AppRegistered":
      return `app ${event.app} registered`;
    case "ReleaseRegistered":
      return `release ${event.release} of ${event.app} registered, image ${event.image}`;
    case "AppRemoved":
      return `app ${event.app} removed`;
    case "PodAdded":
      return `pod ${event.pod} added`;
    case "PodRemoved":
      return `pod ${event.pod} removed`;
    case "RebalanceRequested":
      return `${many(event.moves.length, "workload")} of pod ${event.pod} shall move (${event.goal})`;
    case "UsageCorrectionRequested":
      return usageSentence(event);
    case "NodeAdded":
      return `node ${event.node} added to pod ${event.pod}`;
    case "NodeResourcesSet":
      return `node ${event.node} offers ${offer(event.resources)}`;
    case "NodeLabelled":
      return `node ${event.node} labelled ${labels(event.labels)}`;
    case "NodeCordoned":
      return `node ${event.node} cordoned: ${event.reason}`;
    case "NodeUncordoned":
      return `node ${event.node} uncordoned`;
    case "NodeRemoved":
      return `node ${event.node} removed`;
    case "DrainRequested":
      return `node ${event.node} shall be drained${event.reason === "" ? "" : `: ${event.reason}`}`;
    case "DrainPaused":
      return `the drain of node ${event.node} is paused`;
    case "DrainResumed":
      return `the drain of node ${event.node} goes on`;
    case "DrainCancelled":
      return `the drain of node ${event.node} is cancelled`;
    default:
      return ofWish(event);
  }
}

const labels = (all: Readonly<Record<string, string>>): string =>
  Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ") || "with nothing";

type Wish = Exclude<
  Intent,
  {
    type:
      | `App${string}`
      | `Pod${string}`
      | `Node${string}`
      | `Drain${string}`
      | "RebalanceRequested"
      | "UsageCorrectionRequested"
      | "ReleaseRegistered";
  }
>;

function ofWish(event: Wish): string {
  if ("quota" in event) return ofQuota(event);
  switch (event.type) {
    case "DeploymentRequested":
      return `${event.deployment}: ${many(event.count, "workload")}${countsPerNode(event.strategy) ? " per node" : ""} of ${event.template.app} ${event.template.release} wanted in pod ${event.pod}`;
    case "ScaleRequested":
      return `${event.deployment}: ${many(event.count, "workload")} wanted`;
    case "UpgradeRequested":
    case "RolloutPauseRequested":
    case "RolloutResumeRequested":
    case "RolloutAbortRequested":
    case "RolloutPromoteRequested":
      return rolloutSentence(event);
    case "TurnRequested":
      return ofTurn(event);
    case "RemovalRequested":
      return `${event.deployment}: removal wanted`;
    case "WorkloadChangeRequested":
      return `${event.workload}: ${event.change} wanted${event.ignoreHooks ? ", whatever its hooks say" : ""}`;
    case "WorkloadReallocRequested":
    case "ReallocRequested":
    case "WorkloadReallocAssigned":
      return ofRealloc(event);
    case "WorkloadAssigned":
      return `${event.node} shall ${event.keep === "stopped" ? "stop and keep" : event.keep === "restarted" ? "restart" : event.keep === "adopted" ? "take back" : "run"} ${event.workload}, generation ${event.generation}`;
    case "WorkloadStopAssigned":
      return `${event.node} shall stop ${event.workload} within ${event.graceSeconds} s`;
    case "SharedCoresAssigned":
      return `${event.node} is ordered: workloads that are not bound ${sharedCores(event.cores)}`;
    case "RouteDeclared":
      return `route ${event.host}${event.app === undefined ? "" : ` of ${event.app}`} ${event.restores === undefined ? "" : `put back to ${event.restores}, `}declared with ${many(event.rules.length, "rule")}${event.section === undefined ? "" : ` by the elb section of ${event.section}`}`;
    case "RouteRemoved":
      return `route ${event.host} removed`;
    case "RouteStaged":
      return `a change of route ${event.host}, ${many(event.content.rules.length, "rule")}, is staged at ${event.elbs.join(", ")}${event.promoteAfterMs === undefined ? "" : `, for all after ${seconds(event.promoteAfterMs)}`}`;
    case "RouteStageEnded":
      return `the staged change of route ${event.host} is ${event.because === "failed" ? `taken back: ${event.detail}` : event.because}`;
    case "RouteStageJudged":
      return `${event.elb} says the staged change of route ${event.host} ${event.passed ? "may be for all" : "is bad"}: ${event.detail}`;
    case "RouteTableApplied":
      return `${event.elb} routes by the table as of ${event.appliedSeq}`;
    case "EndpointDrained":
      return `${event.elb} sends nothing to ${event.workload} any more${event.inFlight > 0 ? `, ${event.inFlight} in flight` : ""}`;
    case "RouteRejected":
      return `${event.elb} refused the route of ${event.host}: ${event.reason}`;
    case "ElbLeaveRequested":
      return `${event.elb} shall leave: no new clients, and nobody waits for it`;
    case "ElbJoinRequested":
      return `${event.elb} shall join again`;
    case "ElbForgotten":
      return `${event.elb} is gone for ever, and forgotten`;
    case "CertificateStored":
      return `certificate ${event.certificate} stored for ${event.hosts.join(", ")}, good until ${event.notAfter}`;
    case "CertificateOrdered":
      return `certificate ${event.certificate} for ${event.hosts.join(", ")} shall be got by ACME`;
    case "CertificateRemoved":
      return `certificate ${event.certificate} removed`;
    case "AcmeAccountRegistered":
      return `account with the ACME directory ${event.directory} registered`;
    case "AcmeChallengesSet":
      return `certificate ${event.certificate}: ${many(event.challenges.length, "host")} to be proven to ${event.directory}`;
    case "AcmeCertificateIssued":
      return `certificate ${event.certificate} issued by ACME for ${event.hosts.join(", ")}, good until ${event.notAfter}`;
    case "AcmeOrderFailed":
      return `certificate ${event.certificate} could not be got by ACME, next try ${event.retryAt}: ${event.error}`;
    case "UserAdded":
      return `user ${event.user} added`;
    case "TokenIssued":
      return `a token for ${event.user} issued`;
    default:
      return unreachable(event);
  }
}
