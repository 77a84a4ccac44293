import { adopt, undoAdoptions } from "./adopt.ts";
import { concerned } from "./concerned.ts";
import { displace, holdAhead } from "./displace.ts";
import { dissociate } from "./dissociate.ts";
import { type Decided, Draft, type Order, type PassOptions, type Signals } from "./draft.ts";
import { holdsOf } from "./hold.ts";
import { keep } from "./keep.ts";
import { endKept } from "./kept-room.ts";
import { reallocate } from "./realloc.ts";
import { graceSecondsDefault, remove, stop } from "./remove.ts";
import { withoutSuccessors } from "./replace.ts";
import { rollOut } from "./rollout.ts";
import { shareCores } from "./shared-cores.ts";
import { orderly } from "./turn.ts";
import { changeWorkloads, orderDrained } from "./verbs.ts";
import type { Deployment, Pod, Zone } from "./zone.ts";

/** What a pass decided: one atomic batch, or nothing. */
export type Pass = {
  pod: string;
  /** The pod's decision history as the pass knew it: the fence. */
  expectedLastSeq: number;
  /** The log up to here was seen. */
  inputSeq: number;
  decisions: readonly Decided[];
  orders: readonly Order[];
  /** Deployments there was no room for in one batch: the next pass goes on with them. */
  unfinished: readonly string[];
};

/**
 * One pass over a pod: everything that follows from the zone and the signals, for the deployments in `focus`, those on
 * draining nodes, those that a change of a node concerns and, when something changed that may give them room, those that
 * wait; in the order of their turns. Looking at more deployments than needed decides nothing else.
 * Pure: the same zone and signals give the same pass.
 */
export function plan(
  zone: Zone,
  pod: Pod,
  given: {
    focus: Iterable<string> | "all";
    /** Nothing changed that could give those room that wait: they are left alone unless the pass changes something. */
    still?: boolean;
    signals: Signals;
    options: PassOptions;
  },
): Pass {
  const draft = new Draft(zone, pod, given.signals, given.options);
  const { stalled, steady, waitedOut } = given.signals;
  const named =
    given.focus === "all"
      ? pod.deployments.keys()
      : [...given.focus, ...stalled.keys(), ...steady, ...waitedOut];
  const focus = new Set<Deployment>();
  for (const id of named) {
    const deployment = pod.deployments.get(id);
    if (deployment) focus.add(deployment);
  }
  // Those on one draining node share the replacements that may be on their way.
  for (const { pod: name, workloads } of zone.drains)
    if (name === pod.name) for (const { deployment } of workloads) focus.add(deployment);
  for (const deployment of concerned(pod, focus)) focus.add(deployment);
  recordLiveness(draft, focus);
  pauseOverdue(draft);
  takeBackOrphans(draft);
  stopDrained(draft);
  draft.holds = holdsOf(draft);
  for (const deployment of orderly(new Set([...focus, ...pod.waiting]))) {
    if (given.still && !draft.stirred && !focus.has(deployment)) continue;
    if (deployment.failures > 0 && steady.has(deployment.id))
      draft.decide({ type: "DeploymentSteady", deployment: deployment.id }, deployment.cause);
    // Of one that is removed the end is the last word.
    if (deployment.removed) endKept(draft, deployment);
    follow(draft, deployment);
    if (!deployment.removed) endKept(draft, deployment);
    holdAhead(draft, deployment);
  }
  displace(draft);
  shareCores(draft);
  return {
    pod: pod.name,
    expectedLastSeq: pod.decisionSeq,
    inputSeq: zone.seq,
    decisions: draft.decisions,
    orders: draft.orders,
    unfinished: [...draft.unfinished].map(({ id }) => id),
  };
}

function recordLiveness(draft: Draft, focus: Set<Deployment>): void {
  for (const change of draft.signals.liveness) {
    if ("held" in change) {
      if (draft.pod.held) continue;
      draft.decide(
        {
          type: "NodeLossHeld",
          pod: draft.pod.name,
          nodes: [...change.held],
          nodesTotal: change.nodesTotal,
        },
        "begins",
      );
      continue;
    }
    const node = draft.pod.nodes.get(change.node);
    if (!node || node.liveness === change.to) continue;
    draft.setLiveness(node.name, change.to);
    for (const { deployment } of node.workloads) focus.add(deployment);
    const named = { pod: draft.pod.name, node: node.name };
    if (change.to === "alive") draft.decide({ type: "NodeRecovered", ...named }, "begins");
    else if (change.to === "suspect")
      draft.decide({ type: "NodeSuspected", ...named, silentMs: change.silentMs }, "begins");
    else {
      const workloads = node.workloads.size;
      const decision = draft.decide(
        { type: "NodeLost", ...named, silentMs: change.silentMs, workloads },
        "begins",
      );
      draft.nodeLost ??= decision;
    }
  }
}

/** A drain that has taken too long is paused: nothing is ever taken away to be in time. */
function pauseOverdue(draft: Draft): void {
  for (const name of draft.signals.overdue) {
    const node = draft.pod.nodes.get(name);
    if (!node?.drain || node.drain.paused) continue;
    const left = node.workloads.size;
    draft.decide({ type: "DrainOverdue", pod: draft.pod.name, node: name, left }, node.drain.cause);
  }
}

/** Orders of workloads whose node left the zone: should the machine come back under its name, it stops them. */
function takeBackOrphans(draft: Draft): void {
  for (const { node, workload, deployment, generation, cause, keeps } of draft.pod.orphans.values()) {
    if (draft.affordable(1) < 1) return;
    draft.spend(1);
    const of = { deployment, workload, node, because: "node_removed" } as const;
    if (keeps) {
      const released = draft.decide({ type: "ReleaseOrdered", ...of }, cause);
      draft.order({ type: "WorkloadReleaseAssigned", node, workload, generation: generation + 1 }, released);
      continue;
    }
    const decision = draft.decide({ type: "StopDecided", ...of }, cause);
    draft.order(
      {
        type: "WorkloadStopAssigned",
        node,
        workload,
        generation: generation + 1,
        graceSeconds: graceSecondsDefault,
      },
      decision,
    );
  }
}

function stopDrained(draft: Draft): void {
  for (const [id, because] of draft.signals.stops) {
    const workload = draft.zone.workloads.get(id);
    if (!workload || workload.stopping || workload.deployment.pod !== draft.pod.name) continue;
    if (draft.affordable(1) < 1) return;
    if (!workload.going) {
      // On a lost node it waits: the order of its removal comes, or the node does.
      if (because !== "node_lost") orderDrained(draft, workload, because);
      continue;
    }
    draft.spend(1);
    stop(draft, workload, because, workload.going.cause);
  }
}

/** Of a pass only the beginning may have been recorded: what goes without a drain and was never told to stop is told now. */
function stopForgotten(draft: Draft, deployment: Deployment): void {
  for (const workload of deployment.workloads.values()) {
    const { going, stopping, node } = workload;
    if (!going || going.drain || stopping) continue;
    if (draft.affordable(1) < 1) return;
    draft.spend(1);
    stop(draft, workload, draft.livenessOf(node) === "lost" ? "node_lost" : "not_routed", going.cause);
  }
}

function follow(draft: Draft, deployment: Deployment): void {
  stopForgotten(draft, deployment);
  if (undoAdoptions(draft, deployment)) return;
  const staying = draft.staying(deployment);
  if (deployment.removed) {
    for (const workload of staying) if (!remove(draft, workload, "removed")) return;
    if (deployment.workloads.size === 0)
      draft.decide({ type: "DeploymentEnded", deployment: deployment.id }, deployment.cause);
  } else if (deployment.rollout && deployment.rollout.step !== "halted") {
    rollOut(draft, deployment, deployment.rollout, staying);
  } else {
    keep(draft, deployment, withoutSuccessors(draft, staying));
  }
  changeWorkloads(draft, deployment);
  reallocate(draft, deployment);
  dissociate(draft, deployment);
  adopt(draft, deployment);
}
