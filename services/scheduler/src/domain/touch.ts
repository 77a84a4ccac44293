import { type Deployment, type Node, podOf, type Zone } from "./zone.ts";

/** Notes that the pod's passes have something to look at. */
export const touch = (zone: Zone, deployment: Deployment): void => {
  podOf(zone, deployment.pod).touched.add(deployment.id);
};

/** Notes that deployments with workloads there have something to look at. */
export const touchNode = (zone: Zone, node: Node): void => {
  for (const { deployment } of node.workloads) touch(zone, deployment);
};

/** Load balancers and routes decide when an old workload may go: everything that is being replaced is looked at. */
export const touchReplacing = (zone: Zone): void => {
  for (const deployment of zone.rollouts) touch(zone, deployment);
  for (const node of zone.drains) touchNode(zone, node);
  for (const { deployment } of zone.changing) touch(zone, deployment);
  for (const { deployment } of zone.moving) touch(zone, deployment);
};
