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
  })
  .refine((body) => Object.keys(body).length > 0, "name what shall change: priority or waitDeadlineMs");

/** The command that changes whose turn it is when there is not room for all. */
export function turnRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "ChangeTurn",
    method: "PUT",
    url: "/v1/deployments/:deployment/turn",
    tag: "deployments",
    summary: "Change a deployment's priority, or how long it waits for room",
    description:
      "Absolute values. Nothing that runs is touched: it decides who gets room next. A deadline counts from when the deployment began to wait.",
    params: z.strictObject({ deployment: DeploymentId }),
    body: Body,
    ids: { deployment: DeploymentId },
    command: ({ params: { deployment }, body }) =>
      change(deployment, () => ({ type: "ChangeTurn", deployment, ...body })),
  });
}
