import type { DeploymentEvent } from "@eru/events";
import { reallocated } from "@eru/resources";
import type { Container } from "../../services/node-agent/src/domain/container.ts";
import type { Workload } from "../../services/scheduler/src/domain/zone.ts";
import type { Chance } from "./chance.ts";
import type { SimNode } from "./sim-node.ts";

/** Other amounts for one workload or all of its deployment: more or less than fits, or than it uses. */
export function reallocWish(
  chance: Chance,
  { id: workload, deployment, resources }: Workload,
): DeploymentEvent {
  const amounts = {
    cpu: chance.pick([0.1, 0.5, 1, 2]) ?? 1,
    ...(chance.may(0.3) && { bind: chance.may(0.6) }),
    ...(chance.may(0.5) && { memoryMib: chance.pick([16, 64, 200, 2_000]) ?? 64 }),
  };
  const settled = reallocated(resources, amounts);
  return chance.may(0.3) && settled.ok
    ? { type: "ReallocRequested", deployment: deployment.id, resources: settled.resources }
    : { type: "WorkloadReallocRequested", deployment: deployment.id, workload, amounts };
}

/** Whether the engine bounds a container as the log says. */
export function hasItsAmounts(
  { engine }: SimNode,
  workloads: ReadonlyMap<string, Workload>,
  { id, labels, cpus }: Container,
): boolean {
  const workload = workloads.get(labels["eru.workload"] ?? "");
  if (!workload) return false;
  const { cpu, memoryMib, cpuLimit = cpu, memoryLimitMib = memoryMib } = workload.resources;
  const { NanoCpus, Memory } = engine.amounts(id);
  const { cores } = workload.granted;
  if (cores && Object.keys(cores).sort().join() !== cpus) return false;
  return (
    (cores !== undefined || NanoCpus === Math.round(cpuLimit * 1e9)) &&
    Memory === memoryLimitMib * 1024 * 1024
  );
}
