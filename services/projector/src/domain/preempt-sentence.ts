import { type EruEvent, unreachable } from "@eru/events";

type About = Extract<EruEvent, { type: "PreemptionDecided" | "PreemptionEnded" }>;

/** Nodes that are told in a sentence. */
const toldMax = 5;

/** What a decision to displace others says, or that their room is kept no longer. */
export function ofPreemption(event: About): string {
  switch (event.type) {
    case "PreemptionDecided":
      return `${event.deployment} (priority ${event.priority}) displaces ${placesText(event)}`;
    case "PreemptionEnded": {
      const ended = event.ended.slice(0, toldMax).map(({ node, detail }) => `on ${node}: ${detail}`);
      return `${event.deployment}: no room is kept for it any more ${ended.join("; ")}${more(event.ended)}`;
    }
    default:
      return unreachable(event);
  }
}

const more = ({ length }: readonly unknown[]): string =>
  length > toldMax ? ` and on ${length - toldMax} more` : "";

const placesText = ({ places }: Extract<About, { type: "PreemptionDecided" }>): string => {
  const told = places
    .slice(0, toldMax)
    .map(
      ({ node, victims }) =>
        `${victims.map(({ workload, priority }) => `${workload} (priority ${priority})`).join(", ")} from ${node}`,
    );
  return `${told.join("; ")}${more(places)}`;
};
