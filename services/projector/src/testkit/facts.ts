import { type EruEvent, type FactEvent, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import type { ModelWorkload, World } from "./world.ts";

/** What an agent would report next about a workload, several things in one message when it goes on at once. */
export function factStep(world: World, workload: ModelWorkload, choose: Choose): void {
  const events: EruEvent[] = [next(workload, choose)];
  while (events.length < 3 && choose(3) === 0 && events.at(-1)?.type !== "ContainerRemoved")
    events.push(next(workload, choose));
  if (events.at(-1)?.type === "ContainerRemoved")
    world.workloads.splice(world.workloads.indexOf(workload), 1);
  world.append(subjects.fact(workload.node), `agent:${workload.node}`, events);
}

function next(workload: ModelWorkload, choose: Choose): FactEvent {
  const { node, id, generation } = workload;
  const of = { node, workload: id, generation };
  if (workload.going === "stopping" || choose(12) === 0)
    return { type: "ContainerRemoved", ...of, exitCode: 0, ordered: workload.going === "stopping" };
  const attempt = Math.max(1, workload.attempt);
  switch (workload.phase) {
    case "assigned":
      if (choose(5) === 0)
        return {
          type: "ContainerFailed",
          ...of,
          step: "pull",
          error: "no such image",
          attempt,
          retryInMs: 1_000,
        };
      workload.phase = "created";
      return { type: "ContainerCreated", ...of, containerId: `c-${id}` };
    case "created":
    case "exited":
      workload.phase = "started";
      workload.attempt++;
      return {
        type: "ContainerStarted",
        ...of,
        containerId: `c-${id}`,
        attempt: workload.attempt,
        endpoints: [{ port: 8080, ip: "10.0.0.2", hostPort: 8080 }],
      };
    case "healthy":
      if (choose(2) === 0) return exit(workload, of, choose);
      workload.phase = "unhealthy";
      return { type: "ContainerUnhealthy", ...of, attempt, reason: "503 from GET /" };
    default:
      if (choose(3) === 0) return exit(workload, of, choose);
      if (choose(4) === 0) return hook(of, attempt, choose);
      workload.phase = "healthy";
      return { type: "ContainerHealthy", ...of, attempt };
  }
}

function exit(
  workload: ModelWorkload,
  of: { node: string; workload: string; generation: number },
  choose: Choose,
): FactEvent {
  workload.phase = "exited";
  const retry = choose(3) === 0 ? {} : { retryInMs: 1_000 };
  const { attempt } = workload;
  return { type: "ContainerExited", ...of, attempt, exitCode: 137, outOfMemory: choose(2) === 0, ...retry };
}

function hook(
  of: { node: string; workload: string; generation: number },
  attempt: number,
  choose: Choose,
): FactEvent {
  const ok = choose(2) === 0;
  const ran = [{ command: '["/warm"]', exitCode: ok ? 0 : 1, output: "" }];
  const containerId = `c-${of.workload}`;
  return { type: "HookEnded", ...of, attempt, containerId, hook: "after_start", ok, forced: false, ran };
}
