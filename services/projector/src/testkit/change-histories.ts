import { type EruEvent, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import { moveStep } from "./rebalance-histories.ts";
import { type ModelWorkload, userActor, type World } from "./world.ts";

const changes = ["restart", "stop", "start", "replace"] as const;
const keeps = { restart: "restarted", stop: "stopped", start: "running", replace: undefined } as const;

/** A user asks something of one workload, and the scheduler begins it, orders it or refuses. */
export function changeStep(world: World, workload: ModelWorkload, choose: Choose): void {
  if (choose(5) === 0) {
    moveStep(world, workload, choose);
    return;
  }
  const { id, node, deployment } = workload;
  const of = { deployment: deployment.id, workload: id, node };
  const change = changes[choose(changes.length)] ?? "restart";
  const requestSeq = world.append(subjects.deployment(deployment.pod, deployment.id), userActor, [
    { type: "WorkloadChangeRequested", deployment: deployment.id, workload: id, change, ignoreHooks: true },
  ]);
  const risk = "no other workload of the deployment serves";
  const decided: EruEvent = {
    ...{ type: "ChangeDecided", ...of, change, requestSeq },
    ...{ drain: true, drainDeadlineMs: 30_000, risk },
    ...(change === "replace" && { inPlace: "its network goes over to the new container" }),
  };
  const said: EruEvent =
    choose(4) === 0
      ? { type: "ChangeRefused", ...of, change, requestSeq, detail: "it is being removed" }
      : decided;
  world.append(subjects.decision(deployment.pod), "scheduler", [said]);
  if (said !== decided || choose(3) === 0) return;
  const because = choose(2) === 0 ? "drained" : "drain_deadline";
  world.append(subjects.decision(deployment.pod), "scheduler", [
    { type: "ChangeOrdered", ...of, change, because, inFlight: choose(2) },
  ]);
  workload.generation++;
  const { generation } = workload;
  const keep = keeps[change];
  world.append(subjects.assignment(node), "scheduler", [
    {
      ...{ type: "WorkloadAssigned", node, pod: deployment.pod, workload: id, deployment: deployment.id },
      ...{ generation, template: deployment.template, resources: { cpu: 0.1, memoryMib: 32 } },
      ...(keep && { keep }),
      ...(change === "replace" && { takesOver: { network: true } }),
    },
  ]);
  if (change === "replace" && world.seq % 2 === 0) {
    const old = { containerId: "old", error: "start: no such file" };
    world.append(subjects.fact(node), `agent:${node}`, [
      { type: "ReplacementUndone", node, workload: id, generation, ...old },
    ]);
  }
  if (change !== "stop") return;
  workload.phase = "exited";
  world.append(subjects.fact(node), `agent:${node}`, [
    {
      type: "ContainerStopped",
      node,
      workload: id,
      generation,
      attempt: Math.max(1, workload.attempt),
      exitCode: 0,
    },
  ]);
}
