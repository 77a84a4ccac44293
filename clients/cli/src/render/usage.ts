import type { UsageDifference, UsageLine, UsageNode, UsageReply } from "@eru/events";
import { type Look, table } from "./table.ts";
import { oneLine, plural, type Tone } from "./text.ts";

type Row = UsageLine & { on: string };

const differs = ({ scheduler, log, node = log }: UsageLine): boolean => scheduler !== log || node !== log;
const tone = (row: Row): Tone | undefined => (differs(row) ? "bad" : undefined);
/** A core is told by its name; what is alike is told by its kind. */
const resource = ({ kind, name }: UsageLine): string =>
  name === kind || name === "" ? kind : `${kind} ${name}`;

const columns = [
  { title: "node", cell: ({ on }: Row) => on },
  { title: "resource", cell: resource },
  { title: "unit", cell: ({ unit }: Row) => unit },
  { title: "may be booked", cell: ({ size }: Row) => size, align: "right" as const },
  { title: "scheduler", cell: ({ scheduler }: Row) => scheduler, tone, align: "right" as const },
  { title: "log", cell: ({ log }: Row) => log, tone, align: "right" as const },
  { title: "node itself", cell: ({ node }: Row) => node ?? "?", tone, align: "right" as const },
];

const remedies: Readonly<Record<UsageDifference["remedy"], string>> = {
  ordered: "--fix orders it anew",
  agent: "its agent sees to it",
  left: "left alone",
};

/** A pod in three accounts, and what differs. */
export function usageText(reply: UsageReply, look: Look): string {
  const { pod, atSeq, nodes, nodesTotal, differing, unanswered, schedulerReplaced } = reply;
  const parts = [
    differing > 0
      ? `${plural(differing, "node")} of ${nodesTotal} ${differing === 1 ? "differs" : "differ"}`
      : "",
    unanswered > 0 ? `${plural(unanswered, "agent")} did not answer` : "",
  ].filter((part) => part !== "");
  const verdict = parts.length > 0 ? parts.join(", ") : `the accounts of ${plural(nodesTotal, "node")} agree`;
  const rows = nodes.flatMap(({ node, lines }) => lines.map((line): Row => ({ ...line, on: node })));
  const more = nodesTotal - nodes.length;
  return [
    `pod ${pod}, log up to ${atSeq}: ${verdict}\n`,
    schedulerReplaced === undefined ? "" : `${alarm(schedulerReplaced, look)}\n`,
    rows.length > 0 ? `\n${table(columns, rows, look)}` : "",
    nodes.some(isTold) ? `\n${nodes.map((node) => told(node, look)).join("")}` : "",
    more > 0 ? `\nand ${plural(more, "node")} more\n` : "",
  ].join("");
}

const alarm = (replaced: boolean, look: Look): string =>
  look.paint(
    "bad",
    replaced
      ? "ALARM: what the scheduler had booked was not what the log says; it goes by the log now"
      : "ALARM: what the scheduler has booked is not what the log says: --fix has it go by the log",
  );

const isTold = (one: UsageNode): boolean =>
  one.differences.length > 0 || one.unanswered !== undefined || one.onTheWay > 0 || resting(one).length > 0;

function told(one: UsageNode, look: Look): string {
  const { node, differences, unanswered, onTheWay } = one;
  const lines = [
    ...(unanswered === undefined ? [] : [look.paint("bad", oneLine(unanswered))]),
    ...differences.map(differenceText),
    ...(onTheWay > 0 ? [`${plural(onTheWay, "workload")} on the way`] : []),
    ...resting(one),
  ];
  return lines.map((line) => `${node}: ${line}\n`).join("");
}

/** Ports and addresses that serve nobody for a while. */
const resting = ({ reach }: UsageNode): string[] =>
  Object.entries(reach ?? {}).flatMap(([what, counts]) =>
    counts && counts.resting > 0
      ? [`${what}: ${counts.resting} at rest after removed containers, ${counts.inUse} in use`]
      : [],
  );

function differenceText({ what, workload, container, detail, remedy }: UsageDifference): string {
  const name = workload ?? container ?? "";
  const about = what === "unordered" && workload ? `container of ${workload}` : name;
  return oneLine(`${about}: ${detail} (${remedies[remedy]})`);
}
