import { accept, type Decider, type PodEvent, refuse, unreachable } from "@eru/events";
import { names, type Refusal } from "./refusal.ts";

/** A pod as its history tells it. */
export type Pod = { phase: "absent" } | { phase: "present"; description: string } | { phase: "removed" };

/** What may be asked of a pod, with what must be known about its neighbours. */
export type PodCommand =
  | { type: "AddPod"; pod: string; description: string }
  | {
      type: "RemovePod";
      pod: string;
      /** The nodes in it. */
      nodes: readonly string[];
      /** The deployments in it that were not removed. */
      deployments: readonly string[];
    }
  | ({ type: "CorrectUsage" } & Omit<Extract<PodEvent, { type: "UsageCorrectionRequested" }>, "type">)
  | ({ type: "Rebalance" } & Omit<Extract<PodEvent, { type: "RebalanceRequested" }>, "type">);

/** A removed name may be used again: the pod's histories of decisions go on where they ended. */
export const pod: Decider<Pod, PodCommand, PodEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    switch (event.type) {
      case "PodAdded":
        return { phase: "present", description: event.description };
      case "PodRemoved":
        return { phase: "removed" };
      case "RebalanceRequested":
      case "UsageCorrectionRequested":
        return state;
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    switch (command.type) {
      case "AddPod": {
        const { pod, description } = command;
        if (state.phase !== "present") return accept({ type: "PodAdded", pod, description });
        if (state.description === description) return accept();
        return refuse({ code: "pod_exists", pod, description: state.description });
      }
      case "RemovePod": {
        const { pod, nodes, deployments } = command;
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse({ code: "pod_unknown", pod, removed: false });
        if (nodes.length > 0) return refuse({ code: "pod_has_nodes", pod, nodes: names(nodes) });
        if (deployments.length > 0)
          return refuse({ code: "pod_has_deployments", pod, deployments: names(deployments) });
        return accept({ type: "PodRemoved", pod });
      }
      case "Rebalance": {
        const { type: _, ...asked } = command;
        if (state.phase !== "present")
          return refuse({ code: "pod_unknown", pod: asked.pod, removed: state.phase === "removed" });
        return asked.moves.length === 0 ? accept() : accept({ type: "RebalanceRequested", ...asked });
      }
      case "CorrectUsage": {
        const { type: _, ...found } = command;
        if (state.phase !== "present")
          return refuse({ code: "pod_unknown", pod: found.pod, removed: state.phase === "removed" });
        const nothing = found.nodes.length === 0 && !found.schedulerReplaced;
        return nothing ? accept() : accept({ type: "UsageCorrectionRequested", ...found });
      }
      default:
        return unreachable(command);
    }
  },
};
