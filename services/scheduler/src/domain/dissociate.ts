import { countsPerNode } from "@eru/events";
import { isRouted, mayServe } from "./carriers.ts";
import type { Draft } from "./draft.ts";
import { letGo } from "./let-go.ts";
import { serves } from "./serves.ts";
import type { Deployment, Workload } from "./zone.ts";

/** Begins what users asked: workloads leave Eru, and their containers run on. */
export function dissociate(draft: Draft, deployment: Deployment): void {
  let { count } = deployment;
  for (const workload of deployment.workloads.values()) {
    if (!workload.parting) continue;
    if (draft.affordable(1) < 1) {
      draft.unfinished.add(deployment);
      return;
    }
    const refusal = refusalOf(draft, workload);
    if (refusal !== undefined) refuse(draft, workload, refusal);
    else if (draft.livenessOf(workload.node) === "alive") {
      const takes = lowers(workload.parting, deployment);
      if (takes) count = Math.max(0, count - 1);
      begin(draft, workload, takes ? count : undefined);
    }
  }
}

const lowers = (
  { replace, seq }: { replace: boolean; seq: number },
  { strategy, countSeq }: Deployment,
): boolean => !replace && !countsPerNode(strategy) && seq > countSeq;

/** Why it will not be done. */
function refusalOf(draft: Draft, workload: Workload): string | undefined {
  const { deployment, node, going, change, realloc, adopting, phase, parting } = workload;
  if (deployment.removed || going || draft.going.has(workload))
    return "it is being removed: what is removed cannot be kept any more";
  if (draft.livenessOf(node) === "lost")
    return `node ${node.name} is lost: nobody there could let go of it; ask again when it is back`;
  if (adopting) return "it is being adopted: ask again when that is done";
  if (change || draft.began.has(workload))
    return `a ${change?.verb ?? "change"} of it is under way: ask again when that is done`;
  if (realloc) return "other resources are on their way to it: ask again when it has them";
  if (countsPerNode(deployment.strategy) && !parting?.replace)
    return `its deployment wants ${deployment.count} on each node, so another takes its place there: ask for that with a replacement`;
  if (phase === "assigned") return "it has no container yet that could be kept: ask again when it runs";
  return undefined;
}

function begin(draft: Draft, workload: Workload, count: number | undefined): void {
  const { deployment, node, id, parting } = workload;
  if (!parting) return;
  draft.spend(1);
  const drain = mayServe(draft.zone, workload);
  const risk = riskOf(draft, workload);
  const decision = draft.decide(
    {
      type: "DissociationDecided",
      deployment: deployment.id,
      workload: id,
      node: node.name,
      requestSeq: parting.seq,
      ...(count !== undefined && { count }),
      drain,
      drainDeadlineMs: drain ? draft.options.drainDeadlineMs : 0,
      risk,
    },
    parting.cause,
  );
  draft.going.add(workload);
  if (workload.counted) draft.spread(deployment.key, node.name, -1);
  if (!drain) letGo(draft, workload, "not_routed", decision);
}

function riskOf(draft: Draft, workload: Workload): string {
  const { deployment } = workload;
  if (!isRouted(draft.zone, deployment) || workload.phase !== "healthy") return "";
  const others = draft.staying(deployment).some((one) => one !== workload && serves(draft, one));
  return others ? "" : "no other workload of the deployment serves: requests fail from now on";
}

function refuse(draft: Draft, workload: Workload, detail: string): void {
  const { deployment, node, id, parting } = workload;
  if (!parting) return;
  draft.spend(1);
  const of = { deployment: deployment.id, workload: id, node: node.name };
  draft.decide({ type: "DissociationRefused", ...of, requestSeq: parting.seq, detail }, parting.cause);
}
