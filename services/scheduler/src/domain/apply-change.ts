import type { DecisionEvent, DeploymentEvent, FactEvent, RecordedEvent } from "@eru/events";
import { causeOf } from "./changes.ts";
import { momentOf } from "./moment.ts";
import { touch } from "./touch.ts";
import { type Change, podOf, type Workload, type Zone } from "./zone.ts";

type Asked = Extract<DeploymentEvent, { type: "WorkloadChangeRequested" }>;
type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;

/** A user asks something of one workload. The newest wish counts; the one under way is not asked for again. */
export function askChange(zone: Zone, recorded: RecordedEvent<DeploymentEvent>, event: Asked): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload || workload.deployment.id !== event.deployment) return;
  const { change: verb, ignoreHooks = false } = event;
  if (workload.change?.verb === verb) {
    workload.asked = undefined;
    return;
  }
  workload.asked = { verb, ignoreHooks, seq: recorded.seq, cause: causeOf(recorded) };
  zone.changing.add(workload);
  touch(zone, workload.deployment);
}

/** It begins: the endpoint drains, or the order follows at once. */
export function beginChange(zone: Zone, recorded: RecordedEvent, event: Of<"ChangeDecided">): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload) return;
  const { asked } = workload;
  workload.change = {
    verb: event.change,
    ignoreHooks: asked?.seq === event.requestSeq && asked.ignoreHooks,
    step: "draining",
    deadlineMs: event.drainDeadlineMs,
    cause: causeOf(recorded),
  };
  if (asked && asked.seq <= event.requestSeq) workload.asked = undefined;
  zone.changing.add(workload);
  forgetDrain(workload, recorded.id);
  if (event.drain) podOf(zone, workload.deployment.pod).draining.add(workload);
}

/** The order is on its way. What the agent says of the container as it was says nothing about it as it shall be. */
export function orderChange(zone: Zone, recorded: RecordedEvent, event: Of<"ChangeOrdered">): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload?.change) return;
  podOf(zone, workload.deployment.pod).draining.delete(workload);
  workload.change = { ...workload.change, step: "ordered", cause: causeOf(recorded) };
  workload.generation++;
  workload.phase = "assigned";
  workload.awaitedSince = momentOf(zone);
  workload.healthySeq = 0;
  workload.stopped = event.change === "stop";
}

/** It will not be done. */
export function refuseChange(zone: Zone, event: Of<"ChangeRefused">): void {
  const workload = zone.workloads.get(event.workload);
  if (workload?.asked && workload.asked.seq <= event.requestSeq) workload.asked = undefined;
  if (workload) settle(zone, workload);
}

/** A workload that goes is not changed any more, only refused what is still asked of it. */
export function dropChange(zone: Zone, workload: Workload, drain: string): void {
  workload.change = undefined;
  forgetDrain(workload, drain);
  settle(zone, workload);
}

/** Reports about an earlier drain of the workload must not pass for ones about this. */
function forgetDrain(workload: Workload, drain: string): void {
  if (workload.drain !== undefined) workload.pastDrains = new Set([...workload.pastDrains, workload.drain]);
  workload.drain = drain;
  workload.drainedBy = new Map();
}

/** What an agent says may be the end of a change. */
export function endChange(zone: Zone, workload: Workload, event: FactEvent): void {
  const { change } = workload;
  if (change?.step !== "ordered") return;
  if (!isOver(change, workload, event)) return;
  workload.change = undefined;
  settle(zone, workload);
  touch(zone, workload.deployment);
}

const isOver = ({ verb }: Change, { phase }: Workload, event: FactEvent): boolean =>
  verb === "stop" ? event.type === "ContainerStopped" : phase === "healthy" || phase === "failed";

function settle(zone: Zone, workload: Workload): void {
  if (!workload.change && !workload.asked) zone.changing.delete(workload);
}
