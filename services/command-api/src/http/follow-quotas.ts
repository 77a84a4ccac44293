import { subjects } from "@eru/events";
import { admit } from "../domain/admission.ts";
import { type DeploymentHistory, deployment as decider } from "../domain/deployment.ts";
import type { Decided } from "../handle.ts";
import type { Intent } from "../intent.ts";

/**
 * A decision about a deployment, admitted by the quotas it falls under and recorded in their histories together with it; or
 * refused by one.
 */
export function withQuotas(intent: Intent, deployment: string, decided: Decided): Decided {
  if (!decided.ok || decided.events.length === 0) return decided;
  const before = intent.deployments.get(deployment);
  // A decision about a deployment has events of its history alone; what goes with it stands in `also`.
  const after = decided.events.reduce(
    (state, event) => decider.evolve(state, event as DeploymentHistory),
    before,
  );
  const { quotas, deployments, workloads } = intent;
  const ownAfter = workloads.ownAfterAll(deployment, decided.events).values();
  const admission = admit(
    {
      ...{ quotas, deployments },
      nodesIn: (pod) => intent.nodesIn(pod),
      ownOf: (id) => workloads.ownOf(id).values(),
    },
    { deployment, before, after, ownAfter },
  );
  if (!admission.ok) return admission;
  if (admission.quotas.length === 0) return decided;
  const charges = admission.quotas.map((quota) => ({
    subject: subjects.quota(quota),
    events: [{ type: "QuotaCharged", quota, deployment } as const],
  }));
  return { ...decided, also: [...(decided.also ?? []), ...charges] };
}
