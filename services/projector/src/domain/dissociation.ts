import type { DecisionEvent, DeploymentEvent, EruEvent, FactEvent } from "@eru/events";
import { type Change, put, read } from "./change.ts";
import { type At, bookingOf, change, type Workload } from "./workload.ts";

type Asked = Extract<DeploymentEvent, { type: "DissociationRequested" | "AdoptionRequested" }>;
type Decided = Extract<
  DecisionEvent,
  {
    type:
      | "DissociationDecided"
      | "ReleaseOrdered"
      | "DissociationRefused"
      | "AdoptionDecided"
      | "AdoptionRefused";
  }
>;

const askTypes: readonly string[] = ["DissociationRequested", "AdoptionRequested"];
const factTypes: readonly string[] = ["ContainerReleased", "ContainerAdopted", "AdoptionFailed"];
const decisionTypes: readonly string[] = [
  ...["DissociationDecided", "ReleaseOrdered", "DissociationRefused", "AdoptionDecided", "AdoptionRefused"],
];

const isAsk = (event: EruEvent): event is Asked => askTypes.includes(event.type);
const isFact = (event: EruEvent): event is Fact => factTypes.includes(event.type);
const isDecision = (event: EruEvent): event is Decided => decisionTypes.includes(event.type);

/** Whether it is about a workload that leaves Eru with its container, or comes back. */
export const isAboutLeaving = (event: EruEvent): event is Asked | Decided | Fact =>
  isAsk(event) || isDecision(event) || isFact(event);

/** The workload after such an event; `by` said it. */
export function leaveOrReturn(
  current: Workload,
  event: Asked | Decided | Fact,
  at: At,
  by: string,
): Workload {
  if (isAsk(event)) return askOfWorkload(current, event, at, by);
  return isFact(event) ? observeLeaving(current, event, at) : goOnLeaving(current, event, at);
}

/** A user wants a workload out of Eru, or back. What is so or on its way already is not asked for again. */
function askOfWorkload(current: Workload, event: Asked, at: At, by: string): Workload {
  const { observed, leavingBecause, leaving } = current;
  const out = observed === "released" || (leaving !== null && leavingBecause === "dissociated");
  if (event.type === "DissociationRequested") {
    if (out || observed === "removed") return current;
    return { ...put(current, asked("dissociate", at), at), dissociatedBy: by };
  }
  return out ? put(current, asked("adopt", at), at) : current;
}

const asked = (verb: "dissociate" | "adopt", { seq }: At): Change => ({
  change: verb,
  step: "asked",
  seq,
  detail: null,
});

/** The scheduler begins, orders or refuses it. */
function goOnLeaving(current: Workload, event: Decided, at: At): Workload {
  switch (event.type) {
    case "DissociationDecided": {
      const leaving = event.drain ? "draining" : "stopping";
      const shown = tell(current, "dissociate", at, { step: "draining", detail: event.risk || null });
      return change(shown, at, { leaving, leavingBecause: "dissociated" });
    }
    case "ReleaseOrdered":
      return change(tell(current, "dissociate", at, { step: "ordered" }), at, { leaving: "stopping" });
    case "DissociationRefused":
      return {
        ...tell(current, "dissociate", at, { step: "refused", detail: event.detail }),
        dissociatedBy: null,
      };
    case "AdoptionDecided":
      return change(tell(current, "adopt", at, { step: "ordered" }), at, {
        ...bookingOf(event.resources, event.granted),
        ...{ observed: "assigned", leaving: null, leavingBecause: null, lost: 0 },
        ...{ dissociatedAt: null, dissociatedBy: null },
      });
    case "AdoptionRefused":
      return tell(current, "adopt", at, { step: "refused", detail: event.detail });
  }
}

/** How far it is, unless something else was asked since. */
function tell(
  current: Workload,
  verb: "dissociate" | "adopt",
  at: At,
  how: Pick<Change, "step"> & Partial<Change>,
): Workload {
  const before = read(current);
  return before?.change === verb
    ? put(current, { ...before, ...how }, at)
    : { ...current, changedSeq: at.seq, changedAt: at.time };
}

type Fact = Extract<FactEvent, { type: "ContainerReleased" | "ContainerAdopted" | "AdoptionFailed" }>;

/** What the agent says about letting go and taking back. */
function observeLeaving(current: Workload, fact: Fact, at: At): Workload {
  if (fact.generation < current.generation || current.observed === "removed") return current;
  switch (fact.type) {
    case "ContainerReleased": {
      if (current.leavingBecause !== "dissociated") return current;
      const gone = fact.containerId === undefined;
      return change(tell(current, "dissociate", at, { step: "done" }), at, {
        ...{ observed: gone ? "removed" : "released", leaving: null, endpoints: "[]", retryInMs: null },
        ...(gone ? { removedAt: at.time } : { dissociatedAt: at.time }),
        ...(fact.containerId !== undefined && { containerId: fact.containerId }),
      });
    }
    case "ContainerAdopted":
      return change(current, at, { observed: "created", containerId: fact.containerId });
    case "AdoptionFailed":
      return change(current, at, { observed: "failed", lastError: fact.error, lastErrorAt: at.time });
  }
}
