import { subjects, type UsageDifference } from "@eru/events";
import type { Choose } from "./histories.ts";
import { type ModelWorkload, userActor, type World } from "./world.ts";

/** A user has what differs between the accounts recorded and put right. */
export function usageStep(
  world: World,
  { id: workload, node, deployment: { pod } }: ModelWorkload,
  choose: Choose,
): void {
  const line = { kind: "memory", name: "memory", unit: "MiB", size: 512, scheduler: 64, log: 64, node: 32 };
  const difference: UsageDifference = {
    ...{ what: "limits", workload, container: "c", detail: "memory limit", remedy: "ordered" },
  };
  world.append(subjects.pod(pod), userActor, [
    {
      ...{ type: "UsageCorrectionRequested", pod, atSeq: world.seq },
      nodes: [{ node, lines: [line], differences: choose(2) === 0 ? [] : [difference] }],
      ...(choose(3) === 0 && { schedulerReplaced: true as const }),
    },
  ]);
}
