import { subjects, WorkloadId } from "@eru/events";
import { z } from "zod";
import { decideAdoption, decideDissociation } from "../domain/dissociation.ts";
import { deploymentOf } from "../domain/workload.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { turnOf } from "./deployment.ts";

const params = z.strictObject({ workload: WorkloadId });
const ids = { deployment: z.string(), workload: WorkloadId };

/** Commands that take a workload out of Eru with its container, and back. */
export function dissociationRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "DissociateWorkload",
    method: "POST",
    url: "/v1/workloads/:workload/dissociate",
    tag: "workloads",
    summary: "Forget a workload and leave its container running",
    description:
      "Its endpoint drains at every load balancer, then its node's agent lets go: the container runs on with its data, without health checks, restarts, routes or booking. What it uses of its node is not booked any more, so that others may be placed there. The deployment's count goes down by one with it, unless another shall take its place. One that is dissociated already is left as it is.",
    params,
    body: z
      .strictObject({
        replace: z
          .boolean()
          .default(false)
          .describe("Another takes its place; otherwise the deployment's count goes down by one."),
      })
      .prefault({}),
    ids,
    command: ({ params: { workload }, body: { replace } }) =>
      ofWorkload(workload, (intent, state) =>
        decideDissociation(intent.workloads, state, { workload, replace }),
      ),
  });
  commandRoute(deps, {
    name: "AdoptWorkload",
    method: "POST",
    url: "/v1/workloads/:workload/adopt",
    tag: "workloads",
    summary: "Take a dissociated workload back",
    description:
      "Its resources are booked again, with the parts of the node that it had, its agent looks after the same container, and it is routed when it is healthy. The deployment's count goes up by one with it. Refused when they are taken, when the container is gone, and when its deployment runs something else now. One that is there already is left as it is.",
    params,
    body: z.strictObject({}).prefault({}),
    ids,
    command: ({ params: { workload } }) =>
      ofWorkload(workload, (intent, state) => decideAdoption(intent.workloads, state, workload)),
  });
}

type Decide = (
  intent: Intent,
  state: ReturnType<Intent["deployments"]["get"]>,
) => ReturnType<typeof decideAdoption>;

function ofWorkload(workload: string, decide: Decide): Command {
  const deployment = deploymentOf(workload);
  return {
    reads: [],
    writes: [turnOf(deployment)],
    decide: (intent) => {
      const state = intent.deployments.get(deployment);
      if (state.phase === "absent")
        return {
          ok: false,
          refusal: { code: "deployment_unknown", deployment, removed: false, at: "workload" },
        };
      const decision = decide(intent, state);
      return about(subjects.deployment(state.pod, deployment), { deployment, workload }, decision);
    },
  };
}
