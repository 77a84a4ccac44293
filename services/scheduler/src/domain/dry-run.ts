import type { DrainPlanReply, PlanReply, PlanRequest } from "@eru/events";
import { amountsOf } from "./amounts.ts";
import { Draft, noSignals } from "./draft.ts";
import { forecastMax } from "./limits.ts";
import { place } from "./place.ts";
import { wishOf } from "./place-missing.ts";
import { contentAt, type Deployment, emptyPod, podOf, type Zone } from "./zone.ts";

/** What would be decided for a deployment now, by the very function that decides, with nothing recorded. */
export function dryRun(zone: Zone, request: PlanRequest): PlanReply {
  const { template, count, resources, strategy, nodesLimit, filter } = request;
  const pod = zone.pods.get(request.pod) ?? emptyPod(request.pod);
  const draft = new Draft(zone, pod, noSignals, { drainDeadlineMs: 0, actionsMax: 0 });
  const key = `${template.app}/${template.entrypointName}`;
  const wish = wishOf({ key, strategy, nodesLimit, filter }, amountsOf(resources, template), []);
  const { placed, short, reasons } = place(draft, wish, { wanted: count, now: count, resources });
  return {
    atSeq: zone.seq,
    placed: placed.map(({ node, count: many }) => ({ node: node.name, count: many })),
    waiting: short,
    reasons,
  };
}

/** What the drain of a node would move where, with nothing recorded; undefined when the node is not known. */
export function drainForecast(zone: Zone, name: string): DrainPlanReply | undefined {
  const node = zone.nodes.get(name);
  if (!node) return undefined;
  const draft = new Draft(zone, podOf(zone, node.pod), noSignals, { drainDeadlineMs: 0, actionsMax: 0 });
  draft.drainedNode = name;
  const counts = new Map<Deployment, number>();
  for (const { deployment, going } of node.workloads)
    if (!going && !deployment.removed) counts.set(deployment, (counts.get(deployment) ?? 0) + 1);
  const deployments = [...counts]
    .sort(([a], [b]) => a.seq - b.seq)
    .slice(0, forecastMax)
    .map(([deployment, workloads]) => {
      const { resources, amounts } = contentAt(deployment, deployment.version);
      const given = { wanted: workloads, now: workloads, resources };
      const { placed, short, reasons } = place(draft, wishOf(deployment, amounts, []), given);
      return {
        deployment: deployment.id,
        workloads,
        placed: placed.map(({ node: to, count }) => ({ node: to.name, count })),
        stuck: short,
        reasons,
      };
    });
  return { atSeq: zone.seq, node: name, liveness: node.liveness, deploymentsTotal: counts.size, deployments };
}
