import type { DecisionEvent, DeploymentEvent } from "@eru/events";
import type { At, ContainerFact, Workload } from "./workload.ts";

/** How far a change of a single workload is that a user asked for. */
export const changeSteps = ["asked", "draining", "ordered", "done", "refused"] as const;

/** The last change that a user asked of a workload. */
export type Change = {
  change: Requested["change"];
  step: (typeof changeSteps)[number];
  /** The sequence of the request. */
  seq: number;
  /** Why it costs requests, or why it was refused. */
  detail: string | null;
};

type Requested = Extract<DeploymentEvent, { type: "WorkloadChangeRequested" }>;
type Decided = Extract<DecisionEvent, { type: "ChangeDecided" | "ChangeOrdered" | "ChangeRefused" }>;

const read = (current: Workload): Change | undefined =>
  current.change === null ? undefined : (JSON.parse(current.change) as Change);

const put = (current: Workload, change: Change, at: At): Workload => ({
  ...current,
  change: JSON.stringify(change),
  changedSeq: at.seq,
  changedAt: at.time,
});

/** A user asks for it. One that is under way is not begun again. */
export function ask(current: Workload, { change }: Requested, at: At): Workload {
  const before = read(current);
  const same = before?.change === change && (before.step === "draining" || before.step === "ordered");
  return same ? current : put(current, { change, step: "asked", seq: at.seq, detail: null }, at);
}

/** The scheduler begins, orders or refuses it. */
export function goOn(current: Workload, event: Decided, at: At): Workload {
  const before = read(current);
  // A newer wish has come meanwhile: that one is shown.
  const seq = "requestSeq" in event ? event.requestSeq : before?.seq;
  if (!before || before.seq !== seq || before.change !== event.change) return current;
  switch (event.type) {
    case "ChangeDecided":
      return put(current, { ...before, step: "draining", detail: event.risk || null }, at);
    case "ChangeOrdered":
      return put(current, { ...before, step: "ordered" }, at);
    case "ChangeRefused":
      return put(current, { ...before, step: "refused", detail: event.detail }, at);
  }
}

/** The fact that ends it, when it is one. `current` is the workload after the fact. */
export function finish(current: Workload, fact: ContainerFact, at: At): Workload {
  const before = read(current);
  if (before?.step !== "ordered" || fact.generation < current.generation) return current;
  const end = before.change === "stop" ? "ContainerStopped" : "ContainerHealthy";
  return fact.type === end ? put(current, { ...before, step: "done" }, at) : current;
}
