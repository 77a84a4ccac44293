import { type EruEvent, unreachable } from "@eru/events";

/** Events about workloads that leave Eru with their containers, or come back. */
export type AboutDissociation = Extract<
  EruEvent,
  {
    type:
      | "DissociationRequested"
      | "AdoptionRequested"
      | "DissociationDecided"
      | "ReleaseOrdered"
      | "DissociationRefused"
      | "AdoptionDecided"
      | "AdoptionRefused"
      | "WorkloadReleaseAssigned"
      | "ContainerReleased"
      | "ContainerAdopted"
      | "AdoptionFailed";
  }
>;

const wanted = (count: number | undefined, deployment: string): string =>
  count === undefined ? "" : `; ${deployment} shall have ${count} now`;

/** What such an event says. */
export function ofDissociation(event: AboutDissociation): string {
  const { workload } = event;
  switch (event.type) {
    case "DissociationRequested":
      return `${workload}: wanted out of Eru with its container${event.replace ? ", another in its place" : ""}`;
    case "AdoptionRequested":
      return `${workload}: wanted back`;
    case "DissociationDecided":
      return `${workload} leaves Eru on ${event.node}${event.drain ? ", drains first" : ""}${wanted(event.count, event.deployment)}${event.risk === "" ? "" : `; ${event.risk}`}`;
    case "ReleaseOrdered":
      return `${workload} shall be let go of on ${event.node} (${event.because}${event.inFlight === undefined ? "" : `, ${event.inFlight} in flight`})`;
    case "DissociationRefused":
      return `${workload}: not dissociated: ${event.detail}`;
    case "AdoptionDecided":
      return `${workload} is booked on ${event.node} again${wanted(event.count, event.deployment)}`;
    case "AdoptionRefused":
      return `${workload}: not adopted: ${event.detail}${wanted(event.count, event.deployment)}`;
    case "WorkloadReleaseAssigned":
      return `${event.node} shall let go of ${workload} and leave its container running`;
    case "ContainerReleased":
      return event.containerId === undefined
        ? `${workload} had no container on ${event.node} to let go of`
        : `${workload} is let go of: its container runs on on ${event.node}, unwatched`;
    case "ContainerAdopted":
      return `${workload} is looked after on ${event.node} again${event.running ? "" : "; it does not run and is started"}`;
    case "AdoptionFailed":
      return `${workload} could not be taken back on ${event.node}: ${event.error}`;
    default:
      return unreachable(event);
  }
}
