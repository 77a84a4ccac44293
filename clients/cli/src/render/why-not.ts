import type { NodeScore, WhyNotReply } from "@eru/events";
import { type Look, table } from "./table.ts";
import { oneLine, plural } from "./text.ts";

type Rejection = WhyNotReply["rejections"][number];

const columns = [
  { title: "filter", cell: ({ filter }: Rejection) => filter.replaceAll("_", " ") },
  { title: "because", cell: ({ detail }: Rejection) => detail, flexible: true },
] as const;

/** Every no with its amounts and what would help, or how the node stands. */
export function whyNotText(reply: WhyNotReply, look: Look): string {
  const { atSeq, deployment, node, there, wanted, missing, rejections, wouldHelp } = reply;
  const lacks = missing === 0 ? "lacks none" : `lacks ${missing}`;
  const head = `${deployment} has ${plural(there, "workload")} on ${node}; it wants ${wanted} and ${lacks} (log up to ${atSeq})\n`;
  if (rejections.length === 0) return `${head}${standingText(reply)}`;
  return [
    head,
    `one more cannot go to ${look.paint("strong", node)}:\n\n`,
    table(columns, rejections, look),
    "\n",
    ...wouldHelp.map((help) => `would help: ${oneLine(help)}\n`),
    firstText(reply),
  ].join("");
}

function standingText(reply: WhyNotReply): string {
  const { node, standing, candidatesTotal } = reply;
  if (!standing) return "";
  const { score, rank } = standing;
  const among = `of ${plural(candidatesTotal, "node")} that could take it`;
  if (rank === 1) return `one more would go to ${node}, the first ${among}: ${scoreText(score)}\n`;
  const place = rank === undefined ? `far behind the first hundred ${among}` : `number ${rank} ${among}`;
  return `one more could go to ${node}, but it is ${place}: ${scoreText(score)}\n${firstText(reply)}`;
}

const firstText = ({ first, candidatesTotal }: WhyNotReply): string =>
  first
    ? `one more would go to ${first.node}: ${scoreText(first)}\n`
    : candidatesTotal === 0
      ? "no other node can take one either\n"
      : "";

function scoreText({ count, capacity, usage, alike, preference, spread }: NodeScore): string {
  return [
    `it has ${count} of this entrypoint`,
    `room for ${capacity}`,
    usage === undefined ? "" : `is ${Number((usage * 100).toFixed(1))}% full`,
    alike === undefined ? "" : `what is free is ${alike} like what is asked for`,
    preference === undefined ? "" : `is preferred by ${preference}`,
    spread === undefined ? "" : `is in ${spread || "no place"}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}
