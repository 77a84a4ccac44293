import type { PlanReply } from "@eru/events";
import { preemptionText } from "./preempt.ts";
import { reasonsText } from "./reasons.ts";
import { risksText } from "./rollout.ts";
import { setsText } from "./sets.ts";
import { type Look, table } from "./table.ts";
import { plural } from "./text.ts";

/** Nodes and how many each would get. */
export const planColumns = [
  { title: "node", cell: (row: { node: string }) => row.node },
  { title: "workloads", cell: (row: { count: number }) => row.count, align: "right" as const },
];

/** What a dry run answered: how many would be placed, where, and why. */
export function planText(
  { placed, waiting, reasons, preemption, risks }: PlanReply,
  { onShortage }: { onShortage: string },
  look: Look,
): string {
  const fitting = placed.reduce((sum, { count }) => sum + count, 0);
  const rest = onShortage === "wait" ? "would wait for room" : "would be refused";
  const nothing = fitting + waiting === 0 ? "; nothing to do" : "";
  const sets = reasons.sets ? `: ${setsText(reasons.sets)}${nothing}` : "";
  return [
    `${plural(fitting, "workload")} would be placed${waiting > 0 ? `, ${waiting} ${rest}` : ""}${sets}\n`,
    // The reasons name a bounded number of nodes; a plan names all it would use.
    placed.length > reasons.scores.length ? `\n${table(planColumns, placed, look)}` : "",
    `\n${reasonsText(reasons, look)}`,
    preemptionText(preemption, look),
    risksText(risks, "later changes of it would not be without downtime"),
  ].join("");
}
