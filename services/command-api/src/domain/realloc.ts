import { accept, type Decision, type DeploymentEvent, type ReallocAmounts, refuse } from "@eru/events";
import { reallocated } from "@eru/resources";
import type { Deployment } from "./deployment.ts";
import type { Refusal } from "./refusal.ts";
import { same } from "./same.ts";
import { deploymentOf, notThere, type Workloads } from "./workload.ts";

/**
 * Whether a workload can be asked to have other resources. It is recorded whatever it has: what was asked before may still
 * be on its way. Whether its node has room is the scheduler's to say.
 */
export function decideRealloc(
  workloads: Workloads,
  deployment: Deployment,
  { workload, amounts }: { workload: string; amounts: ReallocAmounts },
): Decision<DeploymentEvent, Refusal> {
  const refusal = notThere(workloads, deployment, workload);
  if (refusal) return refuse(refusal);
  const settled = reallocated(workloads.get(workload)?.resources ?? none, amounts);
  if (!settled.ok) return refuse({ code: "resources_contradict", detail: settled.message, at: settled.at });
  return accept({
    type: "WorkloadReallocRequested",
    deployment: deploymentOf(workload),
    workload,
    amounts,
  });
}

const none = { cpu: 0, memoryMib: 0 };

/** Whether all workloads of a deployment can be. Nothing is recorded when it and all of them have that already. */
export function decideReallocOfAll(
  workloads: Workloads,
  state: Deployment,
  { deployment, amounts }: { deployment: string; amounts: ReallocAmounts },
): Decision<DeploymentEvent, Refusal> {
  if (state.phase !== "live")
    return refuse({ code: "deployment_unknown", deployment, removed: state.phase === "removed" });
  const settled = reallocated(state.resources, amounts);
  if (!settled.ok) return refuse({ code: "resources_contradict", detail: settled.message, at: settled.at });
  const { resources } = settled;
  const so = (one: string): boolean => same(workloads.get(one)?.resources, resources);
  if (same(resources, state.resources) && workloads.of(deployment).every(so)) return accept();
  return accept({ type: "ReallocRequested", deployment, resources });
}
