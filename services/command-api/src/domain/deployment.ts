import {
  accept,
  countsPerNode,
  type Decider,
  type Decision,
  type DecisionEvent,
  type DefaultResources,
  type DeploymentEvent,
  type NodeFilter,
  perNodeMax,
  type Resources,
  refuse,
  type Strategy,
  type Template,
  type Turn,
} from "@eru/events";
import type { App } from "./app.ts";
import { type NamedResources, readNamed, settleNamed } from "./named-resources.ts";
import type { Refusal } from "./refusal.ts";
import {
  decideRollout,
  evolveRollout,
  noRollouts,
  type RolloutCommand,
  type RolloutEvent,
  type Rollouts,
} from "./rollout.ts";
import { same } from "./same.ts";
import { freeze, type Wanted } from "./template.ts";
import { cannotPreempt, changedTurn, perNodeWaits, type TurnChange, turnIn } from "./turn.ts";

type Live = {
  phase: "live";
  pod: string;
  count: number;
  strategy: Strategy;
  nodesLimit: number;
  onShortage: "wait" | "refuse";
  turn: Turn;
} & Rollouts;

/** A deployment as its history tells it. */
export type Deployment = { phase: "absent" } | Live | { phase: "removed"; pod: string };

/** What a new deployment asks for, with what must be known about its neighbours. */
export type DeploymentWish = Wanted & {
  deployment: string;
  pod: string;
  count: number;
  resources: NamedResources;
  strategy: Strategy;
  nodesLimit: number;
  filter: NodeFilter;
  onShortage: "wait" | "refuse";
  turn: Turn;
  appState: App;
  podPhase: "absent" | "present" | "removed";
  /** The pods of the nodes that the filter names; a node that is not there is missing. */
  podOfNode: ReadonlyMap<string, string>;
};

/** What may be asked of a deployment. */
export type DeploymentCommand =
  | ({ type: "RequestDeployment" } & DeploymentWish)
  | { type: "ScaleDeployment"; deployment: string; count: number }
  | ({ type: "ChangeTurn"; deployment: string } & TurnChange)
  | RolloutCommand
  | { type: "RemoveDeployment"; deployment: string };

type Requested = Extract<DeploymentEvent, { type: "DeploymentRequested" }>;

/** Decisions by which the count goes down or up with a workload. */
export type CountEvent = Extract<
  DecisionEvent,
  { type: "DissociationDecided" | "AdoptionDecided" | "AdoptionRefused" }
>;

/**
 * What there is to know about a deployment: what users said, and the scheduler's word about its rollouts and about
 * workloads that leave or come back with their containers.
 */
export type DeploymentHistory = DeploymentEvent | RolloutEvent | CountEvent;

/** An id is used once: what was removed stays removed. Decides events of the deployment's own history alone. */
export const deployment: Decider<Deployment, DeploymentCommand, DeploymentHistory, Refusal> = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    if (event.type === "DeploymentRequested") {
      const { pod, count, strategy, nodesLimit, onShortage, template, resources } = event;
      const wish = { pod, count, strategy, nodesLimit, onShortage, turn: turnIn(event) };
      return { phase: "live", ...wish, ...noRollouts({ template, resources }) };
    }
    if (state.phase !== "live") return state;
    switch (event.type) {
      case "ScaleRequested":
        return { ...state, count: event.count };
      case "TurnRequested":
        return { ...state, turn: turnIn(event) };
      case "ReallocRequested":
        return withResources(state, event.resources);
      case "WorkloadChangeRequested":
      case "WorkloadReallocRequested":
      case "DissociationRequested":
      case "AdoptionRequested":
        return state; // It asks nothing of the deployment.
      case "DissociationDecided":
      case "AdoptionDecided":
      case "AdoptionRefused":
        return event.count === undefined ? state : { ...state, count: event.count };
      case "RemovalRequested":
        return { phase: "removed", pod: state.pod };
      default:
        return { ...state, ...evolveRollout(state, event) };
    }
  },

  decide: (state, command) => {
    const { deployment } = command;
    if (command.type === "RequestDeployment") {
      if (state.phase !== "absent") return refuse({ code: "deployment_id_taken", deployment });
      const request = requestOf(command);
      return request.ok ? accept(request.event) : request;
    }
    if (state.phase === "removed" && command.type === "RemoveDeployment") return accept();
    if (state.phase !== "live")
      return refuse({ code: "deployment_unknown", deployment, removed: state.phase === "removed" });
    return change(state, command);
  },
};

/** Also what a rollback would go back to: amounts are of the deployment, not of its release. */
const withResources = (state: Live, resources: Resources): Live => ({
  ...state,
  resources,
  stable: { ...state.stable, resources },
  before: state.before && { ...state.before, resources },
});

/** The request in full, as it is recorded and as a dry run asks it; or why it cannot be made. */
export function requestOf(
  wish: DeploymentWish,
): { ok: true; event: Requested } | { ok: false; refusal: Refusal } {
  const { deployment, pod, count, strategy, nodesLimit, filter, onShortage, podPhase } = wish;
  if (podPhase !== "present") return refuse({ code: "pod_unknown", pod, removed: podPhase === "removed" });
  const frozen = freeze(wish.appState, wish);
  if (!frozen.ok) return frozen;
  const given = resourcesFor(wish.resources, frozen);
  if (!given.ok) return given;
  const misplaced = misplacedNode(wish);
  if (misplaced) return refuse(misplaced);
  return {
    ok: true,
    event: {
      type: "DeploymentRequested",
      deployment,
      pod,
      template: frozen.template,
      count,
      resources: given.resources,
      strategy,
      nodesLimit,
      filter,
      onShortage,
      ...wish.turn,
    },
  };
}

/** What is named, and the entrypoint's defaults for the rest. */
function resourcesFor(
  named: NamedResources,
  { template, defaults }: { template: Template; defaults: DefaultResources },
): { ok: true; resources: Resources } | { ok: false; refusal: Refusal } {
  const read = readNamed(defaults);
  if (!read.ok) return refuse({ code: "resources_contradict", detail: read.message });
  const all: NamedResources = { ...read.named, ...named };
  const missing = all.cpu === undefined ? "cpu" : all.memoryMib === undefined ? "memoryMib" : undefined;
  if (missing !== undefined) {
    const { release, entrypointName: entrypoint } = template;
    return refuse({ code: "resources_missing", missing, release, entrypoint, at: `resources.${missing}` });
  }
  const settled = settleNamed(all);
  return settled.ok
    ? settled
    : refuse({ code: "resources_contradict", detail: settled.message, at: `resources.${settled.at}` });
}

// A misspelt node must not pass: the filter would silently mean something else than its author.
function misplacedNode({ filter, pod, podOfNode }: DeploymentWish): Refusal | undefined {
  for (const list of ["includes", "excludes"] as const) {
    const node = filter[list].find((one) => !podOfNode.has(one));
    if (node !== undefined) return { code: "node_unknown", node, removed: false, at: `filter.${list}` };
  }
  const node = filter.includes.find((one) => podOfNode.get(one) !== pod);
  if (node === undefined) return undefined;
  const actual = podOfNode.get(node) ?? "";
  return { code: "node_in_other_pod", node, pod: actual, wanted: pod, at: "filter.includes" };
}

function change(
  state: Live,
  command: Exclude<DeploymentCommand, { type: "RequestDeployment" }>,
): Decision<DeploymentEvent, Refusal> {
  const { deployment } = command;
  switch (command.type) {
    case "ScaleDeployment":
      if (state.count === command.count) return accept();
      if (countsPerNode(state.strategy) && command.count > perNodeMax)
        return refuse({ code: "per_node_too_many", deployment, count: command.count, most: perNodeMax });
      return accept({ type: "ScaleRequested", deployment, count: command.count });
    case "ChangeTurn": {
      const turn = changedTurn(state.turn, command);
      if (turn.waitDeadlineMs !== undefined && countsPerNode(state.strategy))
        return refuse({ code: "settings_invalid", message: perNodeWaits, at: "waitDeadlineMs" });
      const displacing = cannotPreempt(turn, state);
      if (displacing !== undefined)
        return refuse({ code: "settings_invalid", message: displacing, at: "preempt" });
      return same(turn, state.turn) ? accept() : accept({ type: "TurnRequested", deployment, ...turn });
    }
    case "RemoveDeployment":
      return accept({ type: "RemovalRequested", deployment });
    default:
      return decideRollout(state, command);
  }
}
