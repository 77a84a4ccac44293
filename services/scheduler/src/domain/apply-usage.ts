import type { PodEvent, RecordedEvent } from "@eru/events";
import { causeOf } from "./changes.ts";
import { touch } from "./touch.ts";
import type { Zone } from "./zone.ts";

/**
 * Accounts were found to differ: containers with other bounds than ordered get those that they shall have once more, as a
 * reallocation to what they have by the log. What is being changed already, or leaves, needs no word.
 */
export function askCorrections(zone: Zone, recorded: RecordedEvent<PodEvent>): void {
  const { event, seq } = recorded;
  if (event.type !== "UsageCorrectionRequested") return;
  for (const { workload: id, remedy } of event.nodes.flatMap(({ differences }) => differences)) {
    const workload = remedy === "ordered" && id !== undefined ? zone.workloads.get(id) : undefined;
    if (!workload || workload.going || workload.stopping || workload.wished || workload.realloc) continue;
    workload.wished = { whole: undefined, amounts: {}, seq, cause: causeOf(recorded) };
    touch(zone, workload.deployment);
  }
}
