import { accept, type Decision, type DeploymentEvent, refuse } from "@eru/events";
import type { Deployment } from "./deployment.ts";
import { names, type Refusal } from "./refusal.ts";
import { deploymentOf, notThere, type Workloads } from "./workload.ts";

type Answer = Decision<DeploymentEvent, Refusal>;

/** Whether a workload can be asked to leave Eru with its container. One that has left already is not asked again. */
export function decideDissociation(
  workloads: Workloads,
  deployment: Deployment,
  { workload, replace }: { workload: string; replace: boolean },
): Answer {
  const refusal = notThere(workloads, deployment, workload);
  if (refusal?.code === "workload_dissociated") return accept();
  if (refusal) return refuse(refusal);
  const asked = { deployment: deploymentOf(workload), workload };
  return accept({ type: "DissociationRequested", ...asked, ...(replace && { replace }) });
}

/** Whether it can be asked back. Whether it still fits is the scheduler's to say. */
export function decideAdoption(workloads: Workloads, deployment: Deployment, workload: string): Answer {
  const refusal = notThere(workloads, deployment, workload);
  if (refusal?.code === "deployment_unknown" && workloads.isDissociated(workload))
    return refuse({ code: "adoption_without_deployment", workload, deployment: deploymentOf(workload) });
  if (refusal?.code === "workload_dissociated")
    return accept({ type: "AdoptionRequested", deployment: deploymentOf(workload), workload });
  if (refusal?.code === "workload_unknown")
    return refuse({ code: "not_dissociated", workload, there: names(workloads.of(deploymentOf(workload))) });
  return refusal ? refuse(refusal) : accept();
}
