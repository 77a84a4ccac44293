import type { Elb } from "../elb-view.ts";
import type { Certificate } from "../views.ts";
import { moment } from "./event.ts";
import { details, type Look } from "./table.ts";
import { oneLine, plural, type Tone } from "./text.ts";

/** In a word how a load balancer is. */
export function elbState({ live, heardAgoMs, status, stale, leaveAt, left }: Elb): string {
  if (!live) return heardAgoMs === null ? "not heard" : leaveAt ? "left, gone" : "gone";
  if (left) return stale ? "left, stale" : "left";
  if (status?.leaving) return "leaving";
  return stale ? "stale" : "live";
}

export const elbTone = (one: Elb): Tone => {
  const state = elbState(one);
  return state === "live" ? "good" : state === "leaving" || state === "left" ? "busy" : "bad";
};

/** Load balancers below each other, with all they say of themselves, and the certificates that need care. */
export function elbText(elbs: readonly Elb[], certificates: readonly Certificate[], look: Look): string {
  const parts = elbs.map((one) => details(pairs(one, look), look));
  if (certificates.length > 0) {
    const lines = certificates.map(
      ({ certificate, state, daysLeft, hosts }) =>
        [certificate, `${state}${left(daysLeft)}, for ${hosts.join(" ")}`] as const,
    );
    parts.push(`certificates that need care:\n${details(lines, look)}`);
  }
  return parts.join("\n");
}

const left = (days: number | null): string =>
  days === null ? "" : days < 0 ? `, ended ${plural(-days, "day")} ago` : `, ends in ${plural(days, "day")}`;

function pairs(one: Elb, look: Look): (readonly [string, string | undefined])[] {
  const { status } = one;
  const lag = one.lag === null ? "" : `, ${one.lag} behind`;
  const heard = one.heardAgoMs === null ? "" : `, heard ${(one.heardAgoMs / 1000).toFixed(1)} s ago`;
  const state = look.paint(elbTone(one), elbState(one));
  return [
    ["elb", one.elb],
    ["group", one.group ?? undefined],
    ["state", `${state}${heard}`],
    [
      "told to leave",
      one.leaveAt
        ? `${moment(one.leaveAt)}${one.leaveBy ? ` by ${one.leaveBy}` : ""}; \`eru elb join ${one.elb}\` brings it back`
        : undefined,
    ],
    ["table", `as of sequence ${one.appliedSeq}${lag}${one.appliedAt ? `, ${moment(one.appliedAt)}` : ""}`],
    ["stale", one.stale ? "yes: its table does not follow the log now" : "no"],
    ["log", status ? `${status.epoch}, read up to ${status.seenSeq}` : undefined],
    ["boot", one.bootId ?? undefined],
    ...(status ? saidPairs(status) : []),
    [
      "last refused",
      one.rejected
        ? oneLine(`${one.rejected.host}: ${one.rejected.reason} (${moment(one.rejected.time)})`)
        : undefined,
    ],
  ];
}

function saidPairs(status: NonNullable<Elb["status"]>): (readonly [string, string])[] {
  const { token } = status;
  return [
    ...many(
      "workers",
      status.workersTotal,
      status.workers.map(
        ({ pid, ackedToken, exiting }) =>
          `${pid} ${exiting ? "exiting" : ackedToken >= token ? "acknowledged" : `${token - ackedToken} changes behind`}`,
      ),
    ),
    ...many(
      "drains",
      status.drainsTotal,
      status.drains.map(
        ({ workload, inFlight, sinceMs, deadlineMs }) =>
          `${workload}: ${inFlight} in flight, ${seconds(sinceMs)} of at most ${seconds(deadlineMs)}`,
      ),
    ),
    ...many(
      "refused",
      status.rejectedTotal,
      status.rejected.map(({ key, reason }) => `${key}: ${reason}`),
    ),
    ...many(
      "left out",
      status.leftOutTotal,
      status.leftOut.map(({ endpoint, address, because }) => `${endpoint} at ${address}: ${because}`),
    ),
  ];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The first beside the name, the others below; what is not listed is counted. */
function many(name: string, total: number, lines: readonly string[]): (readonly [string, string])[] {
  if (total === 0) return [[name, "none"]];
  const more = total > lines.length ? [`and ${total - lines.length} more`] : [];
  return [...lines, ...more].map((line, at) => [at === 0 ? name : "", oneLine(line)] as const);
}
