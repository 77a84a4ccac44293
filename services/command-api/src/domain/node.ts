import {
  accept,
  type Decider,
  type Decision,
  type GivenResources,
  type Labels,
  type NodeEvent,
  refuse,
  unreachable,
} from "@eru/events";
import { names, type Refusal } from "./refusal.ts";
import { same } from "./same.ts";

type Present = {
  phase: "present";
  pod: string;
  labels: Labels;
  resources: GivenResources | undefined;
  /** The reason it takes no new workloads; undefined: it takes them. */
  cordon: string | undefined;
  /** The reason everything there shall be moved elsewhere; undefined: it may stay. */
  drain: { reason: string; deadlineMs: number | undefined; paused: boolean } | undefined;
};

/** A node as its history tells it. */
export type Node = { phase: "absent" } | Present | { phase: "removed"; pod: string };

/** What may be asked of a node, with what must be known about its neighbours. */
export type NodeCommand =
  | {
      type: "AddNode";
      node: string;
      pod: string;
      labels: Labels;
      resources?: GivenResources | undefined;
      /** What is known of the pod. */
      podPhase: "absent" | "present" | "removed";
      /** Workloads still assigned to a machine of that name. */
      workloads: readonly string[];
    }
  | { type: "SetNodeResources"; node: string; resources: GivenResources }
  | {
      type: "ChangeNodeResources";
      node: string;
      /** Null: as the agent reports it. */
      changes: { readonly [K in keyof GivenResources]: GivenResources[K] | null };
    }
  | { type: "SetNodeLabels"; node: string; labels: Labels }
  | { type: "CordonNode"; node: string; reason: string }
  | { type: "UncordonNode"; node: string }
  | { type: "DrainNode"; node: string; reason: string; deadlineMs?: number | undefined }
  | { type: "PauseDrain"; node: string }
  | { type: "ResumeDrain"; node: string }
  | { type: "CancelDrain"; node: string }
  | { type: "RemoveNode"; node: string; workloads: readonly string[]; force: boolean };

/** A node belongs to one pod for its whole life; a removed name may be used again, in another pod once it is empty. */
export const node: Decider<Node, NodeCommand, NodeEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    if (event.type === "NodeAdded") {
      const { pod, labels, resources } = event;
      return { phase: "present", pod, labels, resources, cordon: undefined, drain: undefined };
    }
    if (state.phase !== "present") return state;
    switch (event.type) {
      case "NodeResourcesSet":
        return { ...state, resources: event.resources };
      case "NodeLabelled":
        return { ...state, labels: event.labels };
      case "NodeCordoned":
        return { ...state, cordon: event.reason };
      case "NodeUncordoned":
        return { ...state, cordon: undefined };
      case "DrainRequested":
        return { ...state, drain: { reason: event.reason, deadlineMs: event.deadlineMs, paused: false } };
      case "DrainPaused":
        return { ...state, drain: state.drain && { ...state.drain, paused: true } };
      case "DrainResumed":
        return { ...state, drain: state.drain && { ...state.drain, paused: false } };
      case "DrainCancelled":
        return { ...state, drain: undefined };
      case "NodeRemoved":
        return { phase: "removed", pod: state.pod };
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    if (command.type === "AddNode") return add(state, command);
    if (command.type === "RemoveNode" && state.phase === "removed") return accept();
    if (state.phase !== "present")
      return refuse({ code: "node_unknown", node: command.node, removed: state.phase === "removed" });
    return change(state, command);
  },
};

function add(state: Node, command: Extract<NodeCommand, { type: "AddNode" }>): Decision<NodeEvent, Refusal> {
  const { node, pod, labels, resources, podPhase, workloads } = command;
  if (state.phase === "present") {
    if (state.pod !== pod) return refuse({ code: "node_exists", node, pod: state.pod, differs: "pod" });
    if (!same(state.labels, labels))
      return refuse({ code: "node_exists", node, pod: state.pod, differs: "labels" });
    if (!same(state.resources, resources))
      return refuse({ code: "node_exists", node, pod: state.pod, differs: "resources" });
    return accept();
  }
  if (podPhase !== "present") return refuse({ code: "pod_unknown", pod, removed: podPhase === "removed" });
  // Another pod would book the machine as empty while the old pod's containers run on it.
  if (state.phase === "removed" && state.pod !== pod && workloads.length > 0)
    return refuse({ code: "node_still_occupied", node, pod: state.pod, workloads: names(workloads) });
  return accept({ type: "NodeAdded", node, pod, labels, ...(resources && { resources }) });
}

function change(
  state: Present,
  command: Exclude<NodeCommand, { type: "AddNode" }>,
): Decision<NodeEvent, Refusal> {
  const { node } = command;
  switch (command.type) {
    case "SetNodeResources":
      if (same(state.resources, command.resources)) return accept();
      return accept({ type: "NodeResourcesSet", node, resources: command.resources });
    case "ChangeNodeResources": {
      const wanted = Object.entries({ ...state.resources, ...command.changes });
      const resources: GivenResources = Object.fromEntries(
        wanted.filter(([, value]) => value !== null && value !== undefined),
      );
      if (same(state.resources ?? {}, resources)) return accept();
      return accept({ type: "NodeResourcesSet", node, resources });
    }
    case "SetNodeLabels":
      if (same(state.labels, command.labels)) return accept();
      return accept({ type: "NodeLabelled", node, labels: command.labels });
    case "CordonNode":
      if (state.cordon === command.reason) return accept();
      return accept({ type: "NodeCordoned", node, reason: command.reason });
    case "UncordonNode":
      return state.cordon === undefined ? accept() : accept({ type: "NodeUncordoned", node });
    case "DrainNode":
      if (state.drain?.reason === command.reason && state.drain.deadlineMs === command.deadlineMs)
        return accept();
      return accept({
        type: "DrainRequested",
        node,
        reason: command.reason,
        ...(command.deadlineMs !== undefined && { deadlineMs: command.deadlineMs }),
      });
    case "PauseDrain":
      if (!state.drain) return refuse({ code: "drain_unknown", node });
      return state.drain.paused ? accept() : accept({ type: "DrainPaused", node });
    case "ResumeDrain":
      if (!state.drain) return refuse({ code: "drain_unknown", node });
      // Also when it is not paused here: at its deadline the scheduler has paused it.
      return accept({ type: "DrainResumed", node });
    case "CancelDrain":
      return state.drain === undefined ? accept() : accept({ type: "DrainCancelled", node });
    case "RemoveNode":
      if (command.workloads.length > 0 && !command.force)
        return refuse({ code: "node_has_workloads", node, workloads: names(command.workloads) });
      return accept({ type: "NodeRemoved", node });
    default:
      return unreachable(command);
  }
}
