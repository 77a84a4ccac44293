import type { DrainPlanReply } from "@eru/events";
import { reasonsText } from "./reasons.ts";
import { risksText } from "./rollout.ts";
import type { Look } from "./table.ts";
import { plural } from "./text.ts";

const sum = (some: readonly number[]): number => some.reduce((total, one) => total + one, 0);

/** How many workloads could not be moved. */
export const stuckIn = ({ deployments }: DrainPlanReply): number => sum(deployments.map((one) => one.stuck));

/** What the dry run of a drain answered. */
export function drainPlanText(plan: DrainPlanReply, look: Look): string {
  const { node, liveness, deployments, deploymentsTotal } = plan;
  const stuck = stuckIn(plan);
  const all = sum(deployments.map(({ workloads }) => workloads));
  const unheard =
    liveness === "lost" ? `node ${node} is lost: its workloads are replaced without a drain; ` : "";
  if (all === 0) return `${unheard}nothing runs on ${node} that would be moved\n`;
  const dropped = sum(deployments.map((one) => one.dropped ?? 0));
  const also = [
    stuck > 0 ? `, ${stuck} cannot be` : "",
    dropped > 0 ? `, ${dropped} would go: they belong to the node` : "",
  ].join("");
  const first =
    all === stuck
      ? `nothing on ${node} can be moved: all ${plural(all, "workload")} would stay`
      : `${all - stuck - dropped} of ${plural(all, "workload")} on ${node} would be moved${also}`;
  const each = deployments.map(({ deployment, placed, stuck: stays, dropped: go, reasons, risks }) => {
    const to = placed.map(({ node: there, count }) => `${count} to ${there}`).join(", ");
    const ends = [stays > 0 ? `${stays} stay` : "", go ? `${go} not replaced elsewhere` : ""];
    return `\n${deployment}: ${[to, ...ends].filter((part) => part !== "").join(", ")}\n${
      stays > 0 ? reasonsText(reasons, look) : ""
    }${risksText(risks, "not without downtime")}`;
  });
  const more = deploymentsTotal - deployments.length;
  return `${unheard}${first}\n${each.join("")}${more > 0 ? `\nand ${more} more deployments\n` : ""}`;
}
