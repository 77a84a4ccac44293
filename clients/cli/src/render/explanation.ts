import type { Explanation, Outcome } from "@eru/events";
import type { Look } from "./table.ts";
import { oneLine, plural } from "./text.ts";

/** Endpoints and rules that are listed; the rest is counted. */
const listedMax = 20;

const reasons: Readonly<Record<NonNullable<Explanation["reason"]>, string>> = {
  no_such_host: "no route covers the host: it is answered with 404",
  no_such_path: "no rule matches: it is answered with 404",
  no_such_pool: "the pool is not in the table: it is answered with 503",
  no_endpoint: "no healthy workload is there: it is answered with 503",
};

/** Where a request goes and why, for people. */
export function explanationText(explanation: Explanation, look: Look): string {
  const { route, outcomes, skipped, reason } = explanation;
  const lines = [
    ...(route === undefined ? [] : [`host ${look.paint("strong", route)}`]),
    ...outcomes.flatMap((outcome) => outcomeLines(outcome, look)),
    ...(reason === undefined ? [] : [look.paint("bad", remainderText(explanation) + reasons[reason])]),
    ...(skipped.length === 0 ? [] : ["", "rules before that did not match:"]),
    ...skipped
      .slice(0, listedMax)
      .map(({ rule, because }) => `  ${rule}: ${oneLine(because.join("; ")) || "it is never so"}`),
    ...more(skipped.length),
  ];
  return `${lines.join("\n")}\n`;
}

/** The part of such requests that no rule takes, when others are taken. */
function remainderText({ outcomes }: Explanation): string {
  const left = 1 - outcomes.reduce((sum, { share }) => sum + share, 0);
  return outcomes.length > 0 && left > 1e-9 ? `${percent(left)} of such requests: ` : "";
}

function outcomeLines(
  { rule, share, action, backends = [], fallback, status, location }: Outcome,
  look: Look,
): string[] {
  const part = share < 1 ? ` (${percent(share)} of such requests, by chance)` : "";
  const head = `rule ${look.paint("strong", rule)}${part}`;
  if (action === "redirect") return [head, `  redirect ${status} to ${oneLine(location ?? "")}`];
  if (action === "respond") return [head, `  answered with ${status}`];
  const note = fallback ? " (the fallback, because no backend has an endpoint)" : "";
  return [head, ...backends.flatMap((backend) => backendLines(backend, note))];
}

function backendLines(
  { pool, share, endpoints }: NonNullable<Outcome["backends"]>[number],
  note: string,
): string[] {
  const active = endpoints.filter(({ s }) => s === "a");
  const draining = endpoints.length - active.length;
  const count = `${plural(active.length, "endpoint")}${draining > 0 ? `, ${draining} draining` : ""}`;
  return [
    `  ${percent(share)} to ${pool}${note}: ${count}`,
    ...active
      .slice(0, listedMax)
      .map(({ id, ip, port }) => `    ${id}  ${ip.includes(":") ? `[${ip}]` : ip}:${port}`),
    ...more(active.length).map((text) => `  ${text}`),
  ];
}

const more = (count: number): string[] => (count > listedMax ? [`  and ${count - listedMax} more`] : []);

/** A share as people write it. */
export const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
