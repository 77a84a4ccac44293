import { DeploymentId, ReallocAmounts, subjects, WorkloadId } from "@eru/events";
import { z } from "zod";
import { decideRealloc, decideReallocOfAll } from "../domain/realloc.ts";
import { deploymentOf } from "../domain/workload.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { turnOf } from "./deployment.ts";
import { withQuotas } from "./follow-quotas.ts";

const Body = ReallocAmounts.refine(
  (amounts) => Object.keys(amounts).length > 0,
  "name what shall change: cpu, memoryMib, cpuLimit, memoryLimitMib or bind",
);

/** Commands that give what runs other resources. */
export function reallocRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "ReallocWorkload",
    method: "POST",
    url: "/v1/workloads/:workload/realloc",
    tag: "workloads",
    summary: "Give a running workload other resources",
    description:
      "Absolute amounts; what is absent stays. The container runs on. Refused by the scheduler when its node has no room for what is more, and by its agent when it uses more memory than it shall have. Its deployment's wish stays as it is.",
    params: z.strictObject({ workload: WorkloadId }),
    body: Body,
    ids: { deployment: z.string(), workload: WorkloadId },
    command: ({ params: { workload }, body: amounts }) => {
      const deployment = deploymentOf(workload);
      return asked(deployment, { deployment, workload }, (intent) =>
        decideRealloc(intent.workloads, intent.deployments.get(deployment), { workload, amounts }),
      );
    },
  });
  commandRoute(deps, {
    name: "ReallocDeployment",
    method: "POST",
    url: "/v1/deployments/:deployment/realloc",
    tag: "deployments",
    summary: "Give all workloads of a deployment other resources while they run",
    description:
      "Absolute amounts; what is absent stays. Workloads that are placed later have them, too, after a scale, an upgrade or a loss. One whose node has no room keeps what it has; asked again, it is tried again.",
    params: z.strictObject({ deployment: DeploymentId }),
    body: Body,
    ids: { deployment: DeploymentId },
    command: ({ params: { deployment }, body: amounts }) =>
      asked(deployment, { deployment }, (intent) =>
        decideReallocOfAll(intent.workloads, intent.deployments.get(deployment), { deployment, amounts }),
      ),
  });
}

function asked(
  deployment: string,
  ids: Readonly<Record<string, string>>,
  decide: (intent: Intent) => ReturnType<typeof decideRealloc>,
): Command {
  return {
    reads: [],
    writes: [turnOf(deployment)],
    decide: (intent) => {
      const state = intent.deployments.get(deployment);
      if (state.phase === "absent") {
        const at = "workload" in ids ? { at: "workload" } : {};
        return { ok: false, refusal: { code: "deployment_unknown", deployment, removed: false, ...at } };
      }
      return withQuotas(
        intent,
        deployment,
        about(subjects.deployment(state.pod, deployment), ids, decide(intent)),
      );
    },
  };
}
