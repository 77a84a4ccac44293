import { type EruEvent, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import type { ModelWorkload, World } from "./world.ts";

/** A deployment displaces a workload of another one, or gets its place no more. */
export function preemptStep(world: World, { id, node, deployment }: ModelWorkload, choose: Choose): void {
  const preemptor = world.deployments[choose(world.deployments.length)]?.id ?? deployment.id;
  const victim = { workload: id, deployment: deployment.id, priority: choose(50), placedSeq: 1 + choose(9) };
  const others = [{ node: "n2", victims: 2, highestPriority: 40, oldestSeq: 3 }];
  const displaces: EruEvent = {
    type: "PreemptionDecided",
    deployment: preemptor,
    ...{ policy: "preempt-1", inputSeq: world.seq, priority: 80, wanted: 2, freeing: 1 },
    ...{ places: [{ node, count: 1, victims: [victim] }], runnersUp: choose(2) === 0 ? [] : others },
    ...{ nodesTotal: 2, candidatesTotal: 2, examined: 2 },
  };
  const ended = [{ node, detail: "it is removed" }];
  const ends: EruEvent = { type: "PreemptionEnded", deployment: preemptor, ended };
  world.append(subjects.decision(deployment.pod), "scheduler", [choose(2) === 0 ? displaces : ends]);
}
