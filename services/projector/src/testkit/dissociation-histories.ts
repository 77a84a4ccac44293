import { type EruEvent, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import { type ModelWorkload, userActor, type World } from "./world.ts";

/** A user wants a workload out of Eru, and perhaps back, and the answers to it. */
export function dissociationStep(world: World, workload: ModelWorkload, choose: Choose): void {
  const { id, node, deployment } = workload;
  const of = { deployment: deployment.id, workload: id, node };
  const ask = (event: EruEvent) =>
    world.append(subjects.deployment(deployment.pod, deployment.id), userActor, [event]);
  const decide = (event: EruEvent) => world.append(subjects.decision(deployment.pod), "scheduler", [event]);
  const order = (event: EruEvent) => world.append(subjects.assignment(node), "scheduler", [event]);
  const say = (event: EruEvent) => world.append(subjects.fact(node), `agent:${node}`, [event]);
  const replace = choose(3) === 0;
  const requestSeq = ask({
    ...{ type: "DissociationRequested", deployment: deployment.id, workload: id },
    ...(replace && { replace }),
  });
  if (choose(4) === 0) {
    decide({ type: "DissociationRefused", ...of, requestSeq, detail: "it has no container yet" });
    return;
  }
  if (!replace) deployment.count = Math.max(0, deployment.count - 1);
  decide({
    ...{ type: "DissociationDecided", ...of, requestSeq, drain: choose(2) === 0, drainDeadlineMs: 30_000 },
    ...(!replace && { count: deployment.count }),
    risk: choose(2) === 0 ? "" : "no other workload of the deployment serves",
  });
  workload.going = "draining";
  if (choose(3) === 0) return;
  decide({ type: "ReleaseOrdered", ...of, because: "drained" });
  workload.generation++;
  order({ type: "WorkloadReleaseAssigned", node, workload: id, generation: workload.generation });
  workload.going = "stopping";
  const about = () => ({ node, workload: id, generation: workload.generation });
  say({ type: "ContainerReleased", ...about(), ...(choose(4) > 0 && { containerId: "c" }) });
  if (choose(2) === 0) return;
  const wishSeq = ask({ type: "AdoptionRequested", deployment: deployment.id, workload: id });
  if (choose(3) === 0) {
    decide({ type: "AdoptionRefused", ...of, requestSeq: wishSeq, detail: "it does not fit on n1 any more" });
    return;
  }
  const resources = { cpu: 0.1, memoryMib: 32 };
  workload.generation++;
  const { generation } = workload;
  deployment.count++;
  decide({
    ...{ type: "AdoptionDecided", ...of, requestSeq: wishSeq, count: deployment.count },
    ...{ templateSeq: deployment.seq, resources, generation },
  });
  order({
    ...{ type: "WorkloadAssigned", ...of, pod: deployment.pod, generation },
    ...{ template: deployment.template, resources, keep: "adopted" },
  });
  if (choose(3) === 0) {
    say({ type: "AdoptionFailed", ...about(), error: "its container is gone" });
    return;
  }
  say({ type: "ContainerAdopted", ...about(), containerId: "c", running: choose(2) === 0 });
  workload.going = "no";
  workload.phase = "created";
}
