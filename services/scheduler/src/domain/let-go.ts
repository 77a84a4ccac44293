import type { DecisionEvent } from "@eru/events";
import type { Decided, Draft } from "./draft.ts";
import { inFlightOf } from "./drains.ts";
import type { Workload } from "./zone.ts";

type Because = Extract<DecisionEvent, { type: "ReleaseOrdered" }>["because"];

/** Tells the node to let go of a workload: nothing reaches it any more, or the time for it is over. */
export function letGo(draft: Draft, workload: Workload, because: Because, cause: Decided["cause"]): void {
  const { deployment, node, id } = workload;
  const decision = draft.decide(
    {
      type: "ReleaseOrdered",
      deployment: deployment.id,
      workload: id,
      node: node.name,
      because,
      ...(because === "drain_deadline" && inFlightOf(workload)),
    },
    cause,
  );
  const generation = draft.nextGeneration(workload);
  draft.order({ type: "WorkloadReleaseAssigned", node: node.name, workload: id, generation }, decision);
}
