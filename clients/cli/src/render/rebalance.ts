import type { RebalanceReply } from "@eru/events";
import type { Rebalance, RebalanceDetail } from "../views.ts";
import { risksText } from "./rollout.ts";
import { type Look, table } from "./table.ts";
import { oneLine } from "./text.ts";

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** What a rebalancing would move, and what is gained. */
export function planText(plan: RebalanceReply, look: Look): string {
  const { moves, before, after, emptied, more, staying, risks } = plan;
  const stay = Object.entries(staying).map(([reason, count]) => `  ${many(count, "workload")}: ${reason}\n`);
  const left = stay.length > 0 ? `\nnot moved:\n${stay.join("")}` : "";
  if (moves.length === 0) return `nothing would lie better elsewhere\n${left}`;
  const percent = (part: number): string => `${Math.round(part * 1_000) / 10} %`;
  const figures = [
    ["crowded workloads", before.crowded, after.crowded],
    ["unevenness of nodes", percent(before.unevenness), percent(after.unevenness)],
    ["stranded free amounts", percent(before.stranded), percent(after.stranded)],
    ["empty nodes", before.emptyNodes, after.emptyNodes],
  ] as const;
  const gain = table(
    [
      { title: "figure", cell: ([name]: (typeof figures)[number]) => name },
      { title: "now", cell: ([, now]) => now, align: "right" },
      { title: "after", cell: ([, , then]) => then, align: "right" },
    ],
    figures,
    look,
  );
  const list = table(
    [
      { title: "workload", cell: ({ workload }: (typeof moves)[number]) => workload },
      { title: "from", cell: ({ from }) => from },
      { title: "to", cell: ({ to }) => to },
      { title: "why", cell: (move) => move.gain, flexible: true },
    ],
    moves,
    look,
  );
  const empty = emptied.length > 0 ? `\nemptied: ${emptied.join(", ")}\n` : "";
  const budget = more ? "\nthe budget ends it here: there is more to gain with more moves\n" : "";
  const downtime = risks.map((one) => risksText(one.risks, `${one.deployment}: not without downtime`));
  return `${many(moves.length, "workload")} would move\n\n${gain}\n${list}${empty}${budget}${left}${downtime.join("")}`;
}

/** How far a rebalancing is, in one line. */
export function howFar({ moves, waiting, moving, moved, dropped, gone }: Rebalance): string {
  const parts = [
    `${moved} of ${moves} moved`,
    moving > 0 ? `${moving} on the way` : "",
    waiting > 0 ? `${waiting} waiting` : "",
    dropped > 0 ? `${dropped} stay` : "",
    gone > 0 ? `${gone} gone meanwhile` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** A rebalancing, move by move. */
export function movesText(rebalance: RebalanceDetail, look: Look): string {
  const { goal, requestedAt, requestedBy, list } = rebalance;
  const columns = [
    { title: "workload", cell: ({ workload }: (typeof list)[number]) => workload },
    { title: "from", cell: ({ from }: (typeof list)[number]) => from },
    { title: "to", cell: ({ to }: (typeof list)[number]) => to },
    { title: "state", cell: ({ state }: (typeof list)[number]) => state },
    { title: "now", cell: ({ replacement }: (typeof list)[number]) => replacement ?? undefined },
    { title: "why", cell: ({ detail }: (typeof list)[number]) => detail ?? undefined, flexible: true },
  ] as const;
  return oneLine(`asked for by ${requestedBy} at ${requestedAt} (${goal}): ${howFar(rebalance)}`).concat(
    `\n\n${table(columns, list, look)}`,
  );
}
