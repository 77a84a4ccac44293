import type { PodEvent } from "@eru/events";

/** Nodes that a sentence names; more are counted. */
const namedMax = 5;

/** What accounts that differ come to, in one line; an alarm first. */
export function usageSentence({
  pod,
  nodes,
  schedulerReplaced,
}: Extract<PodEvent, { type: "UsageCorrectionRequested" }>): string {
  const alarm = schedulerReplaced
    ? `ALARM: what the scheduler had booked in pod ${pod} was not what the log says; it goes by the log now`
    : "";
  const count = new Map<string, number>();
  for (const { what } of nodes.flatMap(({ differences }) => differences))
    count.set(what, (count.get(what) ?? 0) + 1);
  const kinds = [...count].map(([what, many]) => `${many} ${words[what] ?? what}`).join(", ");
  const named = nodes.slice(0, namedMax).map(({ node }) => node);
  const more = nodes.length - named.length;
  const where = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const found =
    nodes.length === 0
      ? ""
      : `usage of pod ${pod} shall be put right on ${where}: ${kinds || "amounts that do not agree"}`;
  return [alarm, found].filter((part) => part !== "").join("; ");
}

const words: Readonly<Record<string, string>> = {
  missing: "without a container",
  limits: "with other bounds than ordered",
  unordered: "that nobody ordered",
  foreign: "with the label that Eru did not make",
  unseen: "of which the engine says nothing",
  not_known: "that the agent knows nothing of",
  not_booked: "that the log knows nothing of",
};
