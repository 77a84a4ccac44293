import { countsPerNode, type DeploymentEvent } from "@eru/events";
import { type Deployment, type Node, targetOf, type Zone } from "../../services/scheduler/src/domain/zone.ts";
import type { Chance } from "./chance.ts";

type Requested = Extract<DeploymentEvent, { type: "DeploymentRequested" }>;

/** Nodes have it or not, and now and then lose or get it. */
export const ssd = { disk: "ssd" };

/** Where the workloads of a deployment shall be: every strategy there is. */
export function strategyWish(
  chance: Chance,
): Pick<Requested, "count" | "strategy" | "nodesLimit" | "filter" | "onShortage"> {
  const strategy = chance.pick(["auto", "global", "drained", "pack", "fill", "each"] as const) ?? "auto";
  const perNode = countsPerNode(strategy);
  return {
    count: chance.between(0, perNode ? 2 : 4),
    strategy,
    nodesLimit: chance.may(perNode ? 0.4 : 0.2) ? 2 : 0,
    filter: { includes: [], excludes: [], labels: perNode && chance.may(0.5) ? ssd : {} },
    onShortage: chance.may(0.2) ? "refuse" : "wait",
  };
}

/** How many a deployment shall have in all; of one that counts per node, as the scheduler said. */
export const wantedOf = (deployment: Deployment): number =>
  countsPerNode(deployment.strategy) ? (deployment.sets?.wanted ?? -1) : targetOf(deployment);

/** A node has a set when it fits; what is elsewhere only waits for its replacement. */
export const mayStay = ({ strategy, filter }: Deployment, { labels, drain }: Node): boolean =>
  !countsPerNode(strategy) ||
  ((drain === undefined || drain.paused) &&
    Object.entries(filter.labels).every(([name, value]) => labels[name] === value));

/** What a FILL finds there already: its own, others of its entrypoint, but of other FILLs only older ones. */
const counts = (fill: Deployment, other: Deployment): boolean =>
  other.key === fill.key && (other === fill || other.strategy !== "fill" || other.seq < fill.seq);

/** What is not yet as it shall be on each node, found without the scheduler's own reckoning. */
export function setsUnrest(truth: Zone, deployment: Deployment): string | undefined {
  if (!countsPerNode(deployment.strategy)) return undefined;
  const { id, nodesLimit, waiting, strategy } = deployment;
  const perNode = targetOf(deployment);
  let [full, missing, used] = [0, 0, 0];
  for (const node of truth.nodes.values()) {
    const there = [...node.workloads].filter(({ going }) => !going);
    const own = there.filter((one) => one.deployment === deployment).length;
    const all = there.filter((one) => counts(deployment, one.deployment)).length;
    if (own > perNode) return `${id} has ${own} of ${perNode} on ${node.name}`;
    if (!mayStay(deployment, node)) {
      if (own > 0 && (nodesLimit === 0 || waiting === 0))
        return `${id} has ${own} on ${node.name}, which does not fit`;
      continue;
    }
    const has = strategy === "each" ? own : all;
    if (own > 0) used++;
    if (has >= perNode) full++;
    else if (!node.drain) missing += perNode - has;
  }
  if (perNode === 0) return undefined;
  if (nodesLimit === 0 && missing !== waiting) return `${id} lacks ${missing} and ${waiting} wait`;
  if (nodesLimit > 0 && used > nodesLimit) return `${id} has sets on ${used} nodes, ${nodesLimit} wanted`;
  if (nodesLimit > 0 && waiting === 0 && full < nodesLimit)
    return `${id} has ${full} whole sets, ${nodesLimit} wanted`;
  return undefined;
}
