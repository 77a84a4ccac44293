import type { DecisionEvent } from "@eru/events";
import type { Deployment } from "./deployment.ts";

type Decided = Extract<DecisionEvent, { type: "SetsDecided" }>;

/** On how many nodes a deployment has a set of workloads. */
export type DeploymentSets = Pick<Decided, "perNode" | "nodesChosen" | "nodesLacking">;

/** Before the scheduler has chosen nodes. */
export const noSets: DeploymentSets = { perNode: 0, nodesChosen: 0, nodesLacking: 0 };

/** As it is stored. */
export const setsJson = ({ perNode, nodesChosen, nodesLacking }: DeploymentSets): string =>
  JSON.stringify({ perNode, nodesChosen, nodesLacking });

/** The scheduler has chosen nodes; how many workloads there shall be follows from it. */
export const decideSets = (current: Deployment, event: Decided): Deployment => ({
  ...current,
  sets: setsJson(event),
  wanted: current.removal ? 0 : event.wanted,
  settled: event.wanted > current.wanted ? 0 : current.settled,
});

/** Until the scheduler has looked at a new number per node, it is wanted on as many nodes as before. */
export function scaledSets(sets: string | null, count: number): Pick<Deployment, "sets" | "wanted"> {
  if (sets === null) return { sets, wanted: count };
  const before: DeploymentSets = JSON.parse(sets);
  const nodes = before.nodesChosen + before.nodesLacking;
  return { sets: setsJson({ ...before, perNode: count }), wanted: count * nodes };
}
