import type { RouteContent } from "@eru/events";
import type { StageDetail } from "../commands/route-stage.ts";
import { showAge } from "../quantities.ts";
import { moment } from "./event.ts";
import { actionText, whenText } from "./rule.ts";
import { details, type Look } from "./table.ts";
import { oneLine } from "./text.ts";

/** A staged change: where it is, how it does there, and how it differs from what all others have. */
export function stageText(one: StageDetail, look: Look): string {
  const { promoteAfterMs, failuresMaxPercent } = one;
  const limit = `if no more than ${failuresMaxPercent ?? 1} % more answers are 5xx`;
  const pairs = [
    ["host", one.host],
    ["staged", `${moment(one.stagedAt)} by ${one.stagedBy}`],
    ["for all", promoteAfterMs === null ? "when promoted" : `after ${showAge(promoteAfterMs)}, ${limit}`],
    ...one.at.map((at) => [`at ${at.elb}`, atText(at)] as const),
    ...one.judged.map(
      ({ elb, passed, detail }) =>
        [`${elb} says`, oneLine(`${passed ? "may be for all" : "bad"}: ${detail}`)] as const,
    ),
  ] as const;
  return `${details(pairs, look)}\n${differences(one.declared, one.staged).join("\n")}\n`;
}

function atText(at: StageDetail["at"][number]): string {
  if (!at.live) return "not heard";
  if (at.refused !== null) return oneLine(`refused: ${at.refused}`);
  if (!at.applied) return "not applied yet";
  const before = `${at.failuresBefore} of ${at.requestsBefore} before`;
  return `applied for ${showAge(at.forMs)}, ${at.failures} of ${at.requests} answers were 5xx, ${before}`;
}

/** What differs, a line each: `-` as all others have it, `+` as it is staged. */
function differences(declared: RouteContent | null, staged: RouteContent): string[] {
  const before = linesOf(declared);
  const after = linesOf(staged);
  const lines = [
    ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
    ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
  ];
  return lines.length > 0 ? lines : ["nothing differs but details: --json has all of it"];
}

function linesOf(content: RouteContent | null): Set<string> {
  if (!content) return new Set();
  const { rules, ...rest } = content;
  return new Set([
    ...Object.entries(rest).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
    ...rules.map(
      (rule) =>
        `rule ${rule.id}${rule.enabled ? "" : " (not enabled)"}: ${whenText(rule)} → ${actionText(rule)}${restOf(rule)}`,
    ),
  ]);
}

/** What the words leave out makes a difference too. */
function restOf({ action, priority }: RouteContent["rules"][number]): string {
  const first = priority === 0 ? "" : `, priority ${priority}`;
  if (!("forward" in action))
    return `${first}${"respond" in action ? ` ${JSON.stringify(action.respond)}` : ""}`;
  const { backends: _, split: __, sticky: ___, mirror: ____, fallback: _____, ...how } = action.forward;
  return `${first}${Object.keys(how).length === 0 ? "" : ` ${JSON.stringify(how)}`}`;
}
