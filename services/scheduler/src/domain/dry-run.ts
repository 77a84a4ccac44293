import {
  countsPerNode,
  type DrainPlanReply,
  type PlanReply,
  type PlanRequest,
  type UpgradePlanReply,
  type UpgradePlanRequest,
} from "@eru/events";
import { amountsOf } from "./amounts.ts";
import { rolloutSettings } from "./apply-rollout.ts";
import { risksOf } from "./downtime.ts";
import { Draft, noSignals, type Signals } from "./draft.ts";
import { holdsOf } from "./hold.ts";
import { forecastMax, victimsMax } from "./limits.ts";
import { missingOf, needsOf, setsNow, wishedSets } from "./per-node-needs.ts";
import { place } from "./place.ts";
import { wishOf } from "./place-missing.ts";
import { displacementFor } from "./preempt.ts";
import { settingsInWords } from "./rollout-step.ts";
import { setsOf } from "./sets.ts";
import { byName } from "./strategies/candidate.ts";
import { turnOf } from "./turn.ts";
import {
  contentAt,
  type Deployment,
  emptyPod,
  type Pod,
  podOf,
  targetOf,
  templateAt,
  type Zone,
} from "./zone.ts";

/** A pass that decides nothing: the zone as it is, with room for what is tried. */
export function draftOf(zone: Zone, pod: Pod, elbs: Signals["elbs"]): Draft {
  const draft = new Draft(zone, pod, { ...noSignals, elbs }, { drainDeadlineMs: 0, actionsMax: 0 });
  draft.holds = holdsOf(draft);
  return draft;
}

/** What would be decided for a deployment now, by the very function that decides, with nothing recorded. */
export function dryRun(zone: Zone, request: PlanRequest, elbs = noSignals.elbs): PlanReply {
  const { template, count, resources, strategy, nodesLimit, filter } = request;
  // It would be the youngest of its priority.
  const rank = { turn: turnOf(request), seq: Number.MAX_SAFE_INTEGER };
  const pod = zone.pods.get(request.pod) ?? emptyPod(request.pod);
  const draft = draftOf(zone, pod, elbs);
  const key = `${template.app}/${template.entrypointName}`;
  const amounts = amountsOf(resources, template);
  const asked = { key, strategy, nodesLimit, filter, ...rank };
  const sets = countsPerNode(strategy) ? setsOf(draft, { ...asked, perNode: count, amounts }, []) : undefined;
  const needs = sets && needsOf(sets, new Map());
  const wish = wishOf(asked, amounts, [], sets && needs && wishedSets(sets, needs));
  const wanted = sets && needs ? missingOf(sets, needs) : count;
  const { placed, short, reasons } = place(draft, wish, { wanted, now: wanted, resources });
  const found = request.preempt
    ? displacementFor(draft, wish, { wanted: short, most: victimsMax })
    : undefined;
  return {
    atSeq: zone.seq,
    placed: placed.map(({ node, count: many }) => ({ node: node.name, count: many })),
    waiting: short,
    reasons,
    ...(found && { preemption: found.preemption }),
    risks: risksOf(draft, { key, pod: request.pod, template, resources, count, order: "start-first" }),
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
    .map(([deployment, workloads]) => forecast(draft, deployment, workloads));
  return { atSeq: zone.seq, node: name, liveness: node.liveness, deploymentsTotal: counts.size, deployments };
}

type Forecast = DrainPlanReply["deployments"][number];

/** Where the workloads of a deployment on the drained node would go. */
function forecast(draft: Draft, deployment: Deployment, workloads: number): Forecast {
  const { key, pod } = deployment;
  const { template, resources, amounts } = contentAt(deployment, deployment.version);
  const sets = countsPerNode(deployment.strategy) ? setsNow(draft, deployment) : undefined;
  const wanted = sets ? sets.missing : workloads;
  const wish = wishOf(deployment, amounts, [], sets?.wished);
  const { placed, short, reasons } = place(draft, wish, { wanted, now: wanted, resources });
  return {
    deployment: deployment.id,
    workloads,
    placed: placed.map(({ node: to, count }) => ({ node: to.name, count })),
    stuck: short,
    ...(sets?.everywhere && { dropped: workloads }),
    reasons,
    risks: risksOf(draft, {
      key,
      pod,
      template,
      resources,
      count: targetOf(deployment),
      order: "start-first",
    }),
  };
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
  const amounts = amountsOf(resources, template);
  const settings = rolloutSettings(request);
  const stale = draft.staying(deployment).filter(({ node }) => node.liveness !== "lost");
  const sets = countsPerNode(deployment.strategy)
    ? setsOf(draft, { ...deployment, own: deployment, perNode: targetOf(deployment), amounts }, stale)
    : undefined;
  const workloads = sets ? sets.total : targetOf(deployment);
  const stopFirst = settings.order === "stop-first";
  const wanted = Math.min(workloads, settings.batch, stopFirst ? workloads : settings.surge);
  // The first ones to go have gone by the time their places are taken.
  const first = sets
    ? stale.toSorted((a, b) => byName({ node: a.node.name }, { node: b.node.name })).slice(0, wanted)
    : stale.slice(-wanted);
  if (stopFirst) for (const one of first) draft.release(one);
  const needs = sets && needsOf(sets, new Map());
  const wish = wishOf(deployment, amounts, stale, sets && needs && wishedSets(sets, needs));
  const { placed, short, reasons } = place(draft, wish, { wanted, now: wanted, resources });
  return {
    atSeq: zone.seq,
    deployment: deployment.id,
    workloads,
    how: settingsInWords({ settings }),
    release: template.release,
    from: { release: templateAt(deployment, deployment.version).release, seq: deployment.version },
    placed: placed.map(({ node, count }) => ({ node: node.name, count })),
    waiting: short,
    reasons,
    risks: risksOf(draft, { key, pod, template, resources, count: workloads, order: settings.order }),
  };
}
