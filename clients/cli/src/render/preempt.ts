import type { Preemption } from "@eru/events";
import { type Look, table } from "./table.ts";
import { plural } from "./text.ts";

type Row = { node: string; workload: string; deployment: string; priority: number; placedSeq: number };

const columns = [
  { title: "from", cell: (row: Row) => row.node },
  { title: "displaced", cell: (row: Row) => row.workload },
  { title: "of", cell: (row: Row) => row.deployment },
  { title: "priority", cell: (row: Row) => row.priority, align: "right" as const },
  { title: "placed at", cell: (row: Row) => row.placedSeq, align: "right" as const },
];

/** Whom a deployment would displace, why these, and who would go elsewhere; nothing when nobody. */
export function preemptionText(preemption: Preemption | undefined, look: Look): string {
  if (!preemption) return "";
  const { places, freeing, runnersUp, priority, nodesTotal, candidatesTotal, examined, policy } = preemption;
  const rows = places.flatMap(({ node, victims }) => victims.map((victim) => ({ node, ...victim })));
  const room = places.reduce((sum, { count }) => sum + count, 0);
  const free = freeing > 0 ? `; ${freeing} more would get what is about to become free` : "";
  const looked = examined < candidatesTotal ? `, ${examined} of them looked at closely` : "";
  return [
    `\n${plural(rows.length, "workload")} of a priority below ${priority} would go, so that ${room} of those that wait get their room${free}:\n\n`,
    table(columns, rows, look),
    `\nthe fewest, then the lowest priority, then the youngest: ${candidatesTotal} of ${plural(nodesTotal, "node")} lack only room and have such workloads${looked} (policy ${policy})\n`,
    ...runnersUp.map(
      ({ node, victims, highestPriority, oldestSeq }) =>
        `on ${node} instead: ${plural(victims, "workload")}, priority up to ${highestPriority}, the oldest placed at ${oldestSeq}\n`,
    ),
  ].join("");
}
