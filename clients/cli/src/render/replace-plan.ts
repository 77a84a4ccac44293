import type { ReplacePlanReply } from "@eru/events";
import { plural } from "./text.ts";

/** How a workload would be replaced, for people. */
export function replacePlanText(plan: ReplacePlanReply): string {
  const { workload, node, release, refused, waits, inPlace, risk, inherits } = plan;
  if (refused !== undefined)
    return `${workload} would not be replaced: ${refused} (log up to ${plan.atSeq})\n`;
  const how =
    inPlace === undefined
      ? `beside the old one on ${node}: it gets an id of its own, and the old one goes when it serves`
      : `in place on ${node}: the old container is stopped first, because ${inPlace}`;
  const { copy, volumes, network } = inherits;
  const files = copy.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(", ");
  const lines = [
    `${workload} would get a new container of release ${release} ${how} (log up to ${plan.atSeq})`,
    waits === undefined ? "" : `  waits: ${waits}`,
    risk === "" ? "  downtime: none known" : `  downtime: ${risk}`,
    volumes.length > 0 ? `  ${plural(volumes.length, "volume")} kept: ${volumes.join(", ")}` : "",
    copy.length > 0 ? `  copied: ${files}; what is not there is refused, and the old container stays` : "",
    network
      ? "  network: kept; where its node's network cannot, it is refused and the old container stays"
      : "",
  ];
  return lines
    .filter((line) => line !== "")
    .map((line) => `${line}\n`)
    .join("");
}
