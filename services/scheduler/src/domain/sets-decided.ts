import { countsPerNode, type DecisionEvent } from "@eru/events";
import type { Deployment } from "./zone.ts";

type Decided = Extract<DecisionEvent, { type: "SetsDecided" }>;

/** On how many nodes a deployment has a set of workloads, as it was decided. */
export type DecidedSets = Pick<Decided, "perNode" | "nodesChosen" | "nodesLacking" | "wanted" | "requestSeq">;

/** Folds on how many nodes a deployment has a set. From then on what is lost of it waits for room, also when shortage refuses. */
export function applySets(deployment: Deployment, event: Decided): void {
  const { perNode, nodesChosen, nodesLacking, wanted, requestSeq } = event;
  deployment.sets = { perNode, nodesChosen, nodesLacking, wanted, requestSeq };
  if (requestSeq === deployment.requestSeq)
    deployment.accepted = Math.max(deployment.accepted, Math.min(perNode, deployment.count));
}

/** Folds how many of the count were granted by a placement. Those of a strategy that counts per node are granted by node. */
export function accept(deployment: Deployment): void {
  if (countsPerNode(deployment.strategy)) return;
  const staying = deployment.workloads.values().reduce((sum, { going }) => sum + (going ? 0 : 1), 0);
  deployment.accepted = Math.max(
    deployment.accepted,
    Math.min(deployment.count - deployment.refused, staying),
  );
}
