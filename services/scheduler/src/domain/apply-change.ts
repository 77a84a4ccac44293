import type { DecisionEvent, DeploymentEvent, FactEvent, RecordedEvent } from "@eru/events";
import type { Change } from "./change.ts";
import { causeOf } from "./changes.ts";
import { momentOf } from "./moment.ts";
import { touch } from "./touch.ts";
import { podOf, type Workload, type Zone } from "./zone.ts";

type Asked = Extract<DeploymentEvent, { type: "WorkloadChangeRequested" }>;
type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;

/** A user asks something of one workload. The newest wish counts; the one under way is not asked for again. */
export function askChange(zone: Zone, recorded: RecordedEvent<DeploymentEvent>, event: Asked): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload || workload.deployment.id !== event.deployment) return;
  const { change: verb, ignoreHooks = false, inherit } = event;
  if (workload.change?.verb === verb) {
    workload.asked = undefined;
    return;
  }
  workload.asked = { verb, ignoreHooks, inherit, seq: recorded.seq, cause: causeOf(recorded) };
  zone.changing.add(workload);
  touch(zone, workload.deployment);
}

/** It begins: the endpoint drains, or the order follows at once. */
export function beginChange(zone: Zone, recorded: RecordedEvent, event: Of<"ChangeDecided">): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload) return;
  begin(zone, recorded, workload, {
    ...{ verb: event.change, step: "draining", requestSeq: event.requestSeq },
    deadlineMs: event.drainDeadlineMs,
    successor: undefined,
  });
  forgetDrain(workload, recorded.id);
  if (event.drain) podOf(zone, workload.deployment.pod).draining.add(workload);
}

/** Another workload comes in its place; it serves on until that one does. */
export function beginBeside(
  zone: Zone,
  recorded: RecordedEvent,
  { workload, requestSeq, successor }: { workload: string; requestSeq: number; successor: string },
): void {
  const old = zone.workloads.get(workload);
  if (!old || old.going) return;
  begin(zone, recorded, old, { verb: "replace", step: "beside", requestSeq, deadlineMs: 0, successor });
}

type Begun = Pick<Change, "verb" | "step" | "requestSeq" | "deadlineMs" | "successor">;

function begin(zone: Zone, recorded: RecordedEvent, workload: Workload, begun: Begun): void {
  const { asked } = workload;
  const wish = asked?.seq === begun.requestSeq ? asked : undefined;
  workload.change = {
    ...begun,
    ignoreHooks: wish?.ignoreHooks ?? false,
    inherit: wish?.inherit,
    undone: undefined,
    cause: causeOf(recorded),
  };
  if (asked && asked.seq <= begun.requestSeq) workload.asked = undefined;
  zone.changing.add(workload);
}

/** The order is on its way. What the agent says of the container as it was says nothing about it as it shall be. */
export function orderChange(zone: Zone, recorded: RecordedEvent, event: Of<"ChangeOrdered">): void {
  const pod = zone.deployments.get(event.deployment)?.pod ?? "";
  const workload = zone.workloads.get(event.workload);
  // Its node was removed between the decision's input and the decision: the order that takes it back comes after this one.
  const orphan = workload ? undefined : zone.pods.get(pod)?.orphans.get(event.workload);
  if (orphan) orphan.generation++;
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
  if (workload?.change?.requestSeq === event.requestSeq) workload.change = undefined;
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

/** Characters of an agent's error that are remembered; the fact has them all. */
const undoneMax = 1_000;

/** What an agent says may be the end of a change. */
export function endChange(zone: Zone, workload: Workload, event: FactEvent): void {
  const { change } = workload;
  if (change?.step !== "ordered" || change.undone !== undefined) return;
  if (event.type === "ReplacementUndone") {
    change.undone = event.error.slice(0, undoneMax);
    touch(zone, workload.deployment);
    return;
  }
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
