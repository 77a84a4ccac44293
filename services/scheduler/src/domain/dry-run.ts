import type {
  DrainPlanReply,
  PlanReply,
  PlanRequest,
  UpgradePlanReply,
  UpgradePlanRequest,
} from "@eru/events";
import { amountsOf } from "./amounts.ts";
import { rolloutSettings } from "./apply-rollout.ts";
import { risksOf } from "./downtime.ts";
import { Draft, noSignals, type Signals } from "./draft.ts";
import { forecastMax } from "./limits.ts";
import { place } from "./place.ts";
import { wishOf } from "./place-missing.ts";
import { settingsInWords } from "./rollout-step.ts";
import { contentAt, type Deployment, emptyPod, type Pod, podOf, targetOf, type Zone } from "./zone.ts";

const draftOf = (zone: Zone, pod: Pod, elbs: Signals["elbs"]): Draft =>
  new Draft(zone, pod, { ...noSignals, elbs }, { drainDeadlineMs: 0, actionsMax: 0 });

/** What would be decided for a deployment now, by the very function that decides, with nothing recorded. */
export function dryRun(zone: Zone, request: PlanRequest, elbs = noSignals.elbs): PlanReply {
  const { template, count, resources, strategy, nodesLimit, filter } = request;
  const pod = zone.pods.get(request.pod) ?? emptyPod(request.pod);
  const draft = draftOf(zone, pod, elbs);
  const key = `${template.app}/${template.entrypointName}`;
  const wish = wishOf({ key, strategy, nodesLimit, filter }, amountsOf(resources, template), []);
  const { placed, short, reasons } = place(draft, wish, { wanted: count, now: count, resources });
  return {
    atSeq: zone.seq,
    placed: placed.map(({ node, count: many }) => ({ node: node.name, count: many })),
    waiting: short,
    reasons,
    risks: risksOf(draft, { key, pod: request.pod, template, order: "start-first" }),
    release: template.release,
  };
}

/** What the drain of a node would move where, with nothing recorded; undefined when the node is not known. */
export function drainForecast(zone: Zone, name: string, elbs = noSignals.elbs): DrainPlanReply | undefined {
  const node = zone.nodes.get(name);
  if (!node) return undefined;
  const draft = draftOf(zone, podOf(zone, node.pod), elbs);
  draft.drainedNode = name;
  const counts = new Map<Deployment, number>();
  for (const { deployment, going } of node.workloads)
    if (!going && !deployment.removed) counts.set(deployment, (counts.get(deployment) ?? 0) + 1);
  const deployments = [...counts]
    .sort(([a], [b]) => a.seq - b.seq)
    .slice(0, forecastMax)
    .map(([deployment, workloads]) => {
      const { key, pod: of } = deployment;
      const { template, resources, amounts } = contentAt(deployment, deployment.version);
      const given = { wanted: workloads, now: workloads, resources };
      const { placed, short, reasons } = place(draft, wishOf(deployment, amounts, []), given);
      return {
        deployment: deployment.id,
        workloads,
        placed: placed.map(({ node: to, count }) => ({ node: to.name, count })),
        stuck: short,
        reasons,
        risks: risksOf(draft, { key, pod: of, template, order: "start-first" }),
      };
    });
  return { atSeq: zone.seq, node: name, liveness: node.liveness, deploymentsTotal: counts.size, deployments };
}

/** What an upgrade would do first, with nothing recorded; undefined when the deployment is not known. */
export function upgradePlan(
  zone: Zone,
  request: UpgradePlanRequest,
  elbs: Signals["elbs"],
): UpgradePlanReply | undefined {
  const deployment = zone.deployments.get(request.upgrade);
  if (!deployment || deployment.removed) return undefined;
  const { template, resources } = request;
  const { key, pod } = deployment;
  const draft = draftOf(zone, podOf(zone, pod), elbs);
  const settings = rolloutSettings(request);
  const stale = draft.staying(deployment).filter(({ node }) => node.liveness !== "lost");
  const workloads = targetOf(deployment);
  const stopFirst = settings.order === "stop-first";
  const wanted = Math.min(workloads, settings.batch, stopFirst ? workloads : settings.surge);
  // The first ones to go have gone by the time their places are taken.
  if (stopFirst) for (const one of stale.slice(-wanted)) draft.release(one);
  const wish = wishOf(deployment, amountsOf(resources, template), stale);
  const { placed, short, reasons } = place(draft, wish, { wanted, now: wanted, resources });
  return {
    atSeq: zone.seq,
    deployment: deployment.id,
    workloads,
    how: settingsInWords({ settings }),
    placed: placed.map(({ node, count }) => ({ node: node.name, count })),
    waiting: short,
    reasons,
    risks: risksOf(draft, { key, pod, template, order: settings.order }),
  };
}
