import { type EruEvent, type ReallocAmounts, type Resources, unreachable } from "@eru/events";

type About = Extract<
  EruEvent,
  {
    type:
      | "WorkloadReallocRequested"
      | "ReallocRequested"
      | "ReallocDecided"
      | "ReallocRefused"
      | "WorkloadReallocAssigned"
      | "ReallocDone"
      | "ReallocFailed";
  }
>;

const amounts = ({ cpu, cpuLimit, memoryMib, memoryLimitMib }: ReallocAmounts | Resources): string =>
  [
    cpu === undefined ? "" : `${cpu} cpu`,
    cpuLimit === undefined ? "" : `at most ${cpuLimit || "all"} cpu`,
    memoryMib === undefined ? "" : `${memoryMib} MiB`,
    memoryLimitMib === undefined ? "" : `at most ${memoryLimitMib || "all"} MiB`,
  ]
    .filter((part) => part !== "")
    .join(", ");

/** What an event about other resources of what runs says. */
export function ofRealloc(event: About): string {
  switch (event.type) {
    case "WorkloadReallocRequested":
      return `${event.workload}: ${amounts(event.amounts)} wanted while it runs`;
    case "ReallocRequested":
      return `${event.deployment}: ${amounts(event.resources)} wanted for each workload while they run`;
    case "ReallocDecided":
      return event.because === "asked"
        ? `${event.workload} gets ${amounts(event.resources)} on ${event.node}`
        : `${event.workload} keeps ${amounts(event.resources)} on ${event.node}: ${event.detail}`;
    case "ReallocRefused":
      return `${event.workload}: no ${amounts(event.resources)}: ${event.detail}`;
    case "WorkloadReallocAssigned":
      return `${event.node} shall give ${event.workload} ${amounts(event.resources)}, revision ${event.revision}`;
    case "ReallocDone":
      return `${event.workload} has the resources of revision ${event.revision} on ${event.node}`;
    case "ReallocFailed":
      return `${event.workload} could not get the resources of revision ${event.revision} on ${event.node}: ${event.error}`;
    default:
      return unreachable(event);
  }
}
