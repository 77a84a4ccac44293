import type { Reasons } from "@eru/events";
import { resourcesText } from "./resources.ts";
import { type Look, table } from "./table.ts";
import { oneLine, plural } from "./text.ts";

/** Candidates shown that got nothing; the chosen ones come first, and all of them. */
const runnersUpMax = 5;
/** Rejections shown by name. */
const rejectedMax = 12;

type Score = Reasons["scores"][number];
type Rejection = Reasons["rejected"][number];

/** What a decision weighed: the nodes that could take a workload, those that could not and why, and what would help. */
export function reasonsText(reasons: Reasons, look: Look): string {
  const { wanted, resources, nodesTotal, candidatesTotal, inputSeq, policy, wouldHelp } = reasons;
  return [
    `asked for ${plural(wanted, "workload")} of ${resourcesText(resources)}; `,
    `${plural(nodesTotal, "node")} looked at, ${candidatesTotal} could take one (log up to ${inputSeq}, policy ${policy})\n`,
    scoresText(reasons, look),
    rejectionsText(reasons, look),
    "\n",
    ...wouldHelp.map((help) => `would help: ${oneLine(help)}\n`),
  ].join("");
}

const scoreColumns = [
  { title: "node", cell: (score: Score) => score.node },
  {
    title: "got",
    cell: (score: Score) => score.placed,
    tone: (score: Score) => (score.placed > 0 ? "good" : undefined),
    align: "right",
  },
  { title: "had", cell: (score: Score) => score.count, align: "right" },
  { title: "room for", cell: (score: Score) => score.capacity, align: "right" },
] as const;

/** For strategies that look at how full a node is. */
const usageColumn = {
  title: "was full",
  cell: ({ usage }: Score) => (usage === undefined ? undefined : `${Number((usage * 100).toFixed(1))}%`),
  align: "right",
} as const;

/** For strategies that look at proportions. */
const alikeColumn = { title: "alike", cell: ({ alike }: Score) => alike, align: "right" } as const;

const preferenceColumn = {
  title: "preferred",
  cell: ({ preference }: Score) => preference,
  align: "right",
} as const;
const spreadColumn = { title: "place", cell: ({ spread }: Score) => spread || "none" } as const;

function scoresText({ scores, candidatesTotal }: Reasons, look: Look): string {
  if (scores.length === 0) return "";
  const chosen = scores.filter(({ placed }) => placed > 0).length;
  const shown = scores.slice(0, chosen + runnersUpMax);
  const has = (name: "usage" | "alike" | "preference" | "spread") =>
    scores.some((score) => score[name] !== undefined);
  const columns = [
    ...scoreColumns,
    ...(has("usage") ? [usageColumn] : []),
    ...(has("alike") ? [alikeColumn] : []),
    ...(has("preference") ? [preferenceColumn] : []),
    ...(has("spread") ? [spreadColumn] : []),
  ];
  return `\n${table(columns, shown, look)}${more(candidatesTotal - shown.length, "candidate")}`;
}

const rejectedColumns = [
  { title: "not on", cell: (one: Rejection) => one.node },
  { title: "because", cell: (one: Rejection) => one.detail, flexible: true },
] as const;

/** The nodes that could not take a workload, each with its amounts; nothing when there are none. */
export function rejectionsText(
  { rejected, rejectedTotals }: Pick<Reasons, "rejected" | "rejectedTotals">,
  look: Look,
): string {
  const total = Object.values(rejectedTotals).reduce((sum, count) => sum + count, 0);
  if (total === 0) return "";
  const shown = rejected.slice(0, rejectedMax);
  const byFilter = Object.entries(rejectedTotals)
    .map(([filter, count]) => `${count} ${filter.replaceAll("_", " ")}`)
    .join(", ");
  return `\n${table(rejectedColumns, shown, look)}${more(total - shown.length, "node", byFilter)}`;
}

const more = (count: number, what: string, detail?: string): string =>
  count > 0 ? `… and ${plural(count, `more ${what}`)}${detail ? ` (in all: ${detail})` : ""}\n` : "";
