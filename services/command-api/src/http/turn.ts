import { DeploymentId, Priority, WaitDeadlineMs } from "@eru/events";
import { z } from "zod";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { change } from "./deployment.ts";

const Body = z
  .strictObject({
    priority: Priority.optional().describe("From 0 to 100. Absent: as it is."),
    waitDeadlineMs: WaitDeadlineMs.nullable()
      .optional()
      .describe("How long what a request adds may wait for room; null: without end. Absent: as it is."),
    preempt: z
      .boolean()
      .optional()
      .describe("Whether it may displace workloads of a lower priority when nothing fits. Absent: as it is."),
  })
  .refine(
    (body) => Object.keys(body).length > 0,
    "name what shall change: priority, waitDeadlineMs or preempt",
  );

/** The command that changes whose turn it is when there is not room for all. */
export function turnRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "ChangeTurn",
    method: "PUT",
    url: "/v1/deployments/:deployment/turn",
    tag: "deployments",
    summary: "Change a deployment's priority, how long it waits for room, or whether it may displace others",
    description:
      "Absolute values. It decides who gets room next; what runs is touched only when the deployment may displace others, and waits. A deadline counts from when the deployment began to wait.",
    params: z.strictObject({ deployment: DeploymentId }),
    body: Body,
    ids: { deployment: DeploymentId },
    command: ({ params: { deployment }, body }) =>
      change(deployment, () => ({ type: "ChangeTurn", deployment, ...body })),
  });
}
