import { type EruEvent, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import { type ModelWorkload, userActor, type World } from "./world.ts";

/** A user asks for other resources of one workload, or of all of its deployment, and the answers to it. */
export function reallocStep(world: World, workload: ModelWorkload, choose: Choose): void {
  const { id, node, deployment } = workload;
  const resources = { cpu: 0.1 * (1 + choose(3)), memoryMib: 16 * (1 + choose(3)) };
  const asked: EruEvent =
    choose(3) === 0
      ? { type: "ReallocRequested", deployment: deployment.id, resources }
      : {
          type: "WorkloadReallocRequested",
          deployment: deployment.id,
          workload: id,
          amounts: { cpu: resources.cpu },
        };
  const requestSeq = world.append(subjects.deployment(deployment.pod, deployment.id), userActor, [asked]);
  const of = { deployment: deployment.id, workload: id, node, resources, requestSeq };
  const decide = (event: EruEvent) => world.append(subjects.decision(deployment.pod), "scheduler", [event]);
  if (choose(4) === 0) {
    decide({ type: "ReallocRefused", ...of, detail: "n1 has no room for what is more than it has" });
    return;
  }
  const order = (revision: number, because: "asked" | "not_done") => {
    const parts = [{}, { granted: {} }, { granted: { cores: { "0": 100 } } }][world.seq % 3];
    const detail = because === "asked" ? "" : "no";
    decide({ type: "ReallocDecided", ...of, ...parts, revision, because, detail });
    world.append(subjects.assignment(node), "scheduler", [
      { type: "WorkloadReallocAssigned", node, workload: id, revision, resources, ...parts },
    ]);
  };
  const say = (event: EruEvent) => world.append(subjects.fact(node), `agent:${node}`, [event]);
  // Grows like the log, so that a later order has a higher one.
  const revision = world.seq;
  order(revision, "asked");
  if (choose(3) === 0) return;
  if (choose(3) > 0) {
    say({ type: "ReallocDone", node, workload: id, revision });
    return;
  }
  say({ type: "ReallocFailed", node, workload: id, revision, error: "it uses 20 MiB of memory now" });
  order(revision + 1, "not_done");
  if (choose(2) === 0) say({ type: "ReallocDone", node, workload: id, revision: revision + 1 });
  else say({ type: "ReallocFailed", node, workload: id, revision: revision + 1, error: "engine" });
}
