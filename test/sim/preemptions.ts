import type { Pass } from "../../services/scheduler/src/domain/plan.ts";
import type { Zone } from "../../services/scheduler/src/domain/zone.ts";

/**
 * Only who may displaces others, only those of a lower priority who are not going anyway; it is said before they go, each once,
 * and whoever is said to go does. What is wrong in what one pass decides, if anything.
 */
export function displacedWrongly(zone: Zone, { decisions }: Pass): string | undefined {
  const said = new Map<string, string>();
  const gone = new Set<string>();
  for (const { event } of decisions) {
    if (event.type === "RemovalDecided") {
      const by = said.get(event.workload);
      if (event.because === "preempted" && (by === undefined || by !== event.by))
        return `${event.workload} goes for ${event.by}, and that was not said before`;
      if (gone.has(event.workload)) return `${event.workload} goes twice`;
      gone.add(event.workload);
    }
    if (event.type !== "PreemptionDecided") continue;
    const { turn } = zone.deployments.get(event.deployment) ?? {};
    if (!turn?.preempt) return `${event.deployment} displaces others and may not`;
    for (const { workload: id } of event.places.flatMap(({ victims }) => victims)) {
      const workload = zone.workloads.get(id);
      if (!workload || workload.going || gone.has(id)) return `${id} is displaced and goes anyway`;
      const { priority } = workload.deployment.turn;
      if (priority >= turn.priority)
        return `${id} of priority ${priority} is displaced by one of ${turn.priority}`;
      said.set(id, event.deployment);
    }
  }
  const stays = said.keys().find((id) => !gone.has(id));
  return stays === undefined ? undefined : `${stays} is said to go and does not`;
}

/** For whom room is kept still: at rest for nobody. */
export function roomKept({ pods }: Zone): string | undefined {
  const ids = [...(pods.get("p")?.kept.keys() ?? [])];
  return ids.length > 0 ? `room is kept for ${ids.join()}` : undefined;
}
