import { type AssignmentEvent, type Cause, unreachable, type WorkloadOrder } from "@eru/events";

/** What an assignment asks to run. */
export type Assigned = Extract<AssignmentEvent, { type: "WorkloadAssigned" }>;

/** The newest order about a workload. A stop stays for ever: an older assignment that comes late must not revive it. */
export type Order = {
  workload: string;
  generation: number;
  /** The event that gave the order: the cause of every fact that follows from it. */
  cause: Cause;
} & (
  | { kind: "run"; assigned: Assigned }
  | { kind: "stop"; graceSeconds: number }
  /** Whatever there is runs on, and is left alone. */
  | { kind: "release" }
);

/** An assignment event as an order. */
export function order(event: WorkloadOrder, cause: Cause): Order {
  const { workload, generation } = event;
  switch (event.type) {
    case "WorkloadAssigned":
      return { workload, generation, cause, kind: "run", assigned: event };
    case "WorkloadStopAssigned":
      return { workload, generation, cause, kind: "stop", graceSeconds: event.graceSeconds };
    case "WorkloadReleaseAssigned":
      return { workload, generation, cause, kind: "release" };
    default:
      return unreachable(event);
  }
}

/** Orders may come late, twice and out of order: the newest generation wins, the first of equals stays. */
const newest = (current: Order | undefined, incoming: Order): Order =>
  current && current.generation >= incoming.generation ? current : incoming;

/** What is remembered of one workload's orders. */
type Ordered = { order: Order | undefined; image: "assumed" | "missing" | "pulled"; blind: boolean };

/** Takes an order that is newer than the last one; false when it is not. */
export function takeOrder(entry: Ordered, incoming: Order): boolean {
  const chosen = newest(entry.order, incoming);
  if (chosen === entry.order) return false;
  entry.order = chosen;
  entry.image = "assumed";
  // What nobody looked after is looked for before it is taken back.
  if (chosen.kind === "run" && chosen.assigned.keep === "adopted") entry.blind = true;
  return true;
}
