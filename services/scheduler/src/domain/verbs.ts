import { type AssignmentEvent, type DecisionEvent, type Inherit, unreachable } from "@eru/events";
import { isRouted, mayServe } from "./carriers.ts";
import { leavingText } from "./dissociated.ts";
import type { Decided, Draft } from "./draft.ts";
import { inFlightOf } from "./drains.ts";
import { goOn, inPlaceReason, isOpen, placeSuccessor, refuse } from "./replace.ts";
import { serves } from "./serves.ts";
import { type Deployment, templateAt, type Workload } from "./zone.ts";

type Verb = Extract<DecisionEvent, { type: "ChangeDecided" }>["change"];
type Because = Extract<DecisionEvent, { type: "ChangeOrdered" }>["because"];
type Keep = Extract<AssignmentEvent, { type: "WorkloadAssigned" }>["keep"];

/**
 * Begins what users asked of single workloads. What serves is taken away one at a time per deployment, the next when the
 * one before serves again, so that restarting all of them at once never leaves none.
 */
export function changeWorkloads(draft: Draft, deployment: Deployment): void {
  for (const workload of deployment.workloads.values()) {
    const { asked, change } = workload;
    const due = change ? isOpen(change) : asked !== undefined;
    if (!due) continue;
    if (draft.affordable(1) < 1) {
      draft.unfinished.add(deployment);
      return;
    }
    if (change) {
      goOn(draft, workload, change);
      continue;
    }
    const refusal = asked && refusalOf(draft, workload, asked.verb);
    if (asked && refusal !== undefined) refuse(draft, workload, asked, refusal);
    else if (draft.livenessOf(workload.node) === "alive" && (!asked || mayBegin(draft, workload, asked.verb)))
      begin(draft, workload);
  }
}

/** Why it will never be done. */
export function refusalOf(draft: Draft, workload: Workload, verb: Verb): string | undefined {
  const { deployment, node } = workload;
  if (deployment.removed || workload.going || draft.going.has(workload)) return leavingText(workload);
  if (draft.livenessOf(node) === "lost")
    return `node ${node.name} is lost: its workloads are replaced elsewhere; ask again when it is back`;
  if (verb === "start" && !workload.stopped && workload.phase !== "failed")
    return "it is not stopped: there is nothing to start; restart it instead";
  if (draft.drains(node) && verb === "replace")
    return `node ${node.name} is being drained: everything there is replaced elsewhere`;
  return undefined;
}

const takesAway = (verb: Verb): boolean => verb === "restart" || verb === "replace";

/** Stopping is a wish for fewer; what shall come back waits until everything else that is healthy serves. */
export function mayBegin(draft: Draft, workload: Workload, verb: Verb): boolean {
  const { deployment, phase } = workload;
  if (!takesAway(verb) || phase !== "healthy") return true;
  for (const other of draft.staying(deployment)) {
    if (other === workload) continue;
    if (draft.began.has(other)) return false;
    if (other.change && takesAway(other.change.verb) && other.phase !== "failed") return false;
    if (other.phase === "healthy" && draft.livenessOf(other.node) === "alive" && !serves(draft, other))
      return false;
  }
  return true;
}

function begin(draft: Draft, workload: Workload): void {
  const { asked, deployment, node } = workload;
  if (!asked) return;
  const inPlace = asked.verb === "replace" ? inPlaceReason(draft, workload, asked.inherit) : undefined;
  if (asked.verb === "replace" && inPlace === undefined) {
    if (placeSuccessor(draft, workload, asked)) draft.began.add(workload);
    return;
  }
  draft.spend(1);
  draft.began.add(workload);
  const drain = asked.verb !== "start" && workload.phase !== "stopped" && mayServe(draft.zone, workload);
  const decision = draft.decide(
    {
      type: "ChangeDecided",
      deployment: deployment.id,
      workload: workload.id,
      node: node.name,
      change: asked.verb,
      requestSeq: asked.seq,
      drain,
      drainDeadlineMs: drain ? draft.options.drainDeadlineMs : 0,
      risk: drain ? riskOf(draft, workload, asked.verb, inPlace) : "",
      ...(inPlace !== undefined && { inPlace }),
    },
    asked.cause,
  );
  if (!drain) order(draft, workload, { ...asked, because: "not_routed" }, decision);
}

/** What it costs when this one alone serves; empty when it costs nothing. */
export function riskOf(draft: Draft, workload: Workload, verb: Verb, inPlace: string | undefined): string {
  const { deployment } = workload;
  if (!isRouted(draft.zone, deployment) || workload.phase !== "healthy") return "";
  const others = draft.staying(deployment).some((one) => one !== workload && serves(draft, one));
  if (others) return "";
  return verb === "stop"
    ? "no other workload of the deployment serves: requests fail from now on"
    : `no other workload of the deployment serves: requests fail until it is healthy again${inPlace === undefined ? "" : `; it is stopped first because ${inPlace}`}`;
}

/** The endpoint of a workload that is being changed is out of traffic: the order goes to its node. */
export function orderDrained(draft: Draft, workload: Workload, because: Because): void {
  const { change } = workload;
  if (change?.step !== "draining") return;
  draft.spend(1);
  order(draft, workload, { ...change, because }, change.cause);
}

function order(
  draft: Draft,
  workload: Workload,
  {
    verb,
    ignoreHooks,
    inherit,
    because,
  }: { verb: Verb; ignoreHooks: boolean; inherit: Inherit | undefined; because: Because },
  cause: Decided["cause"],
): void {
  const { deployment, node, id } = workload;
  const decision = draft.decide(
    {
      type: "ChangeOrdered",
      deployment: deployment.id,
      workload: id,
      node: node.name,
      change: verb,
      because,
      ...(because === "drain_deadline" && inFlightOf(workload)),
    },
    cause,
  );
  const keep = keepOf(verb);
  draft.order(
    {
      type: "WorkloadAssigned",
      node: node.name,
      pod: deployment.pod,
      workload: id,
      deployment: deployment.id,
      generation: draft.nextGeneration(workload),
      template: templateAt(deployment, workload.version),
      resources: workload.resources,
      ...(workload.revision > 0 && { revision: workload.revision }),
      ...(Object.keys(workload.granted).length > 0 && { granted: workload.granted }),
      ...(keep && { keep }),
      ...(verb === "replace" && { takesOver: { ...inherit } }),
      ...(ignoreHooks && { ignoreHooks }),
    },
    decision,
  );
}

function keepOf(verb: Verb): Keep {
  switch (verb) {
    case "restart":
      return "restarted";
    case "stop":
      return "stopped";
    case "start":
      return "running";
    case "replace":
      return undefined;
    default:
      return unreachable(verb);
  }
}
