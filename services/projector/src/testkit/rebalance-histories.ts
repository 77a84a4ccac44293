import { subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import { type ModelWorkload, reasons, userActor, type World } from "./world.ts";

/** A user asks that a workload moves; the scheduler counts sets anew, and drops it, or places another one and takes the old one away. */
export function moveStep(world: World, workload: ModelWorkload, choose: Choose): void {
  const { id, node: from, deployment } = workload;
  const to = from === "n1" ? "n2" : "n1";
  const of = { deployment: deployment.id, workload: id };
  const requestSeq = world.append(subjects.pod(deployment.pod), userActor, [
    {
      ...{ type: "RebalanceRequested", pod: deployment.pod, goal: choose(2) === 0 ? "even" : "empty" },
      ...{ moves: [{ ...of, from, to }], atSeq: world.seq },
    },
  ]);
  const decision = subjects.decision(deployment.pod);
  if (choose(4) === 0)
    world.append(decision, "scheduler", [
      {
        type: "SetsDecided",
        ...{
          deployment: deployment.id,
          perNode: 1,
          nodesChosen: 2,
          nodesLacking: choose(2),
          wanted: choose(3),
        },
        ...{ requestSeq, inputSeq: world.seq, detail: "" },
      },
    ]);
  if (choose(2) === 0) {
    const detail = `${to}: cordoned`;
    world.append(decision, "scheduler", [{ type: "MoveDropped", ...of, to, requestSeq, detail }]);
    return;
  }
  world.append(decision, "scheduler", [
    {
      type: "PlacementDecided",
      ...{ deployment: deployment.id, release: deployment.template.release, because: "rebalanced" },
      ...{ instead: id, templateSeq: 1, placed: [], waiting: 0, reasons: reasons(world.seq) },
    },
  ]);
}
