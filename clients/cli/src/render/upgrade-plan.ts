import type { UpgradePlanReply } from "@eru/events";
import { planColumns } from "./plan.ts";
import { reasonsText } from "./reasons.ts";
import { risksText } from "./rollout.ts";
import { type Look, table } from "./table.ts";
import { plural } from "./text.ts";

/** What the dry run of an upgrade answered. */
export function upgradePlanText(
  { workloads, how, placed, waiting, reasons, risks }: UpgradePlanReply,
  look: Look,
): string {
  const first = placed.reduce((sum, { count }) => sum + count, 0);
  return [
    `${plural(workloads, "workload")} would be replaced, ${how}\n`,
    `first: ${first} placed${waiting > 0 ? `, ${waiting} would wait for room` : ""}\n`,
    placed.length > 0 ? `\n${table(planColumns, placed, look)}` : "",
    waiting > 0 ? `\n${reasonsText(reasons, look)}` : "",
    risks.length > 0
      ? risksText(risks, "not without downtime")
      : "\nzero downtime: nothing is known that would cost a request\n",
  ].join("");
}
