import type { RebalanceReply, RebalanceRequest } from "@eru/events";
import { balanceOf } from "./balance.ts";
import { risksOf } from "./downtime.ts";
import { Draft, noSignals, type Signals } from "./draft.ts";
import { emptyNodes } from "./rebalance-empty.ts";
import { evenOut } from "./rebalance-even.ts";
import { Relocation } from "./relocation.ts";
import { contentAt, type Zone } from "./zone.ts";

/**
 * What would be moved for a goal, with nothing recorded; undefined when the pod is not known. Every move is one that the
 * filters of its deployment allow after the moves before it; a workload moves once. Pure, and bounded in what it looks at.
 */
export function rebalance(
  zone: Zone,
  { rebalance: name, goal, movesMax }: RebalanceRequest,
  elbs: Signals["elbs"] = noSignals.elbs,
): RebalanceReply | undefined {
  const pod = zone.pods.get(name);
  if (!pod) return undefined;
  const draft = new Draft(zone, pod, { ...noSignals, elbs }, { drainDeadlineMs: 0, actionsMax: 0 });
  const before = balanceOf(draft, new Map());
  const plan = new Relocation(draft, movesMax);
  if (goal === "even") evenOut(plan);
  else emptyNodes(plan);
  const deployments = [...new Set(plan.moves.map(({ workload }) => workload.deployment))];
  return {
    atSeq: zone.seq,
    pod: name,
    goal,
    moves: plan.moves.map(({ workload, to, gain }) => ({
      deployment: workload.deployment.id,
      workload: workload.id,
      from: workload.node.name,
      to: to.name,
      gain,
    })),
    before,
    after: balanceOf(plan.draft, plan.changes()),
    emptied: plan.emptied.map((node) => node.name),
    more: plan.ended,
    staying: plan.staying,
    risks: deployments.flatMap((deployment) => {
      const { template, resources } = contentAt(deployment, deployment.version);
      const risks = risksOf(draft, { ...deployment, template, resources, order: "start-first" });
      return risks.length > 0 ? [{ deployment: deployment.id, risks }] : [];
    }),
  };
}
