import type { DecisionEvent, DeploymentEvent, FactEvent, Granted, Resources } from "@eru/events";
import { type At, bookingOf, type ContainerFact, toMilli, type Workload } from "./workload.ts";

/** How far a change of a single workload is that a user asked for. */
export const changeSteps = ["asked", "draining", "ordered", "done", "refused"] as const;

/** The last change that a user asked of a workload. */
export type Change = {
  change: Requested["change"] | "realloc" | "dissociate" | "adopt";
  step: (typeof changeSteps)[number];
  /** The sequence of the request. */
  seq: number;
  /** Why it costs requests, or why it was refused. */
  detail: string | null;
  /** Of a replacement: the workload that comes in its place. */
  successor?: string;
};

type Requested = Extract<DeploymentEvent, { type: "WorkloadChangeRequested" }>;
type Decided = Extract<DecisionEvent, { type: "ChangeDecided" | "ChangeOrdered" | "ChangeRefused" }>;

/** The last change of a row. */
export const read = (current: Workload): Change | undefined =>
  current.change === null ? undefined : (JSON.parse(current.change) as Change);

/** The row with another one. */
export const put = (current: Workload, change: Change, at: At): Workload => ({
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
  if (before?.step !== "ordered" || before.change === "dissociate" || fact.generation < current.generation)
    return current;
  if (fact.type === "ReplacementUndone")
    return put(current, { ...before, step: "refused", detail: fact.error }, at);
  const end = before.change === "stop" ? "ContainerStopped" : "ContainerHealthy";
  return fact.type === end ? put(current, { ...before, step: "done" }, at) : current;
}

/** Another workload comes in its place and goes when that serves. */
export function succeedWith(
  current: Workload,
  { requestSeq, successor }: { requestSeq: number; successor: string },
  at: At,
): Workload {
  const before = read(current);
  if (before?.seq !== requestSeq || before.change !== "replace") return current;
  return put(current, { ...before, step: "ordered", successor }, at);
}

/** Its successor serves: it is replaced, whatever is left to do about itself. */
export function succeeded(
  current: Workload,
  event: Extract<DecisionEvent, { type: "RemovalDecided" | "StopDecided" }>,
  at: At,
): Workload {
  const before = read(current);
  const done = event.type === "RemovalDecided" && event.because === "replaced";
  return done && before?.step === "ordered" ? put(current, { ...before, step: "done" }, at) : current;
}

type Realloc = Extract<DecisionEvent, { type: "ReallocDecided" | "ReallocRefused" }>;
type ReallocAnswer = Extract<FactEvent, { type: "ReallocDone" | "ReallocFailed" }>;

/** Resources on their way to a workload; `back` to what it had. */
type ReallocTo = { revision: number; resources: Resources; granted?: Granted; back: boolean };

/** A user asks for other resources of the workload alone. */
export const askRealloc = (current: Workload, at: At): Workload =>
  put(current, { change: "realloc", step: "asked", seq: at.seq, detail: null }, at);

/** The scheduler orders or refuses it, or has it undone. Until the answer the larger of both is booked. */
export function reallocate(current: Workload, event: Realloc, at: At): Workload {
  const before = read(current);
  const { requestSeq: seq, resources } = event;
  const detail = event.detail || null;
  const refused = event.type === "ReallocRefused" || event.because === "not_done";
  const change: Change = { change: "realloc", step: refused ? "refused" : "ordered", seq, detail };
  const shown = before && before.seq > seq ? current : put(current, change, at);
  if (event.type === "ReallocRefused") return shown;
  return {
    ...shown,
    reallocTo: JSON.stringify({
      ...{ revision: event.revision, resources, back: refused },
      ...(event.granted && { granted: event.granted }),
    } satisfies ReallocTo),
    cpuMilli: Math.max(current.cpuMilli, toMilli(resources.cpu)),
    memoryMib: Math.max(current.memoryMib, resources.memoryMib),
  };
}

/** Its node has done it, or not. Of an older order it says nothing. */
export function endRealloc(current: Workload, event: ReallocAnswer, at: At): Workload {
  if (current.reallocTo === null) return current;
  const { revision, resources, granted: parts, back } = JSON.parse(current.reallocTo) as ReallocTo;
  const before = read(current);
  if (event.revision !== revision || (event.type === "ReallocFailed" && !back)) return current;
  const none = parts && Object.keys(parts).length === 0;
  const granted = parts ? (none ? null : JSON.stringify(parts)) : current.granted;
  const next = { ...current, ...bookingOf(resources, undefined), granted, reallocTo: null };
  return before?.change === "realloc" && before.step === "ordered"
    ? put(next, { ...before, step: "done" }, at)
    : next;
}
