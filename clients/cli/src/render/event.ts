import { showSpan } from "../quantities.ts";
import type { LogEvent } from "../views.ts";
import { type Look, table } from "./table.ts";
import { oneLine, type Tone } from "./text.ts";

const bad = /Failed|Exited|Unhealthy|Lost|Suspected|Unreachable|Refused|Halted|Rejected|Held/;

const toneOf = ({ type }: LogEvent): Tone | undefined => (bad.test(type) ? "bad" : undefined);

/** The time of day where we are, to the millisecond: `14:03:21.042`. */
function clock(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const part = (value: number, digits = 2) => String(value).padStart(digits, "0");
  return `${part(time.getHours())}:${part(time.getMinutes())}:${part(time.getSeconds())}.${part(time.getMilliseconds(), 3)}`;
}

/** The day where we are: `2026-01-31`. */
const day = (iso: string): string => {
  const time = new Date(iso);
  const part = (value: number) => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${part(time.getMonth() + 1)}-${part(time.getDate())}`;
};

/** `2026-01-31 14:03:21.042`. */
export const moment = (iso: string): string => `${day(iso)} ${clock(iso)}`;

/** Events below each other, the oldest first; in a chain also how long after the first each came. */
export function eventTable(events: readonly LogEvent[], look: Look, how: { chain?: true } = {}): string {
  const begin = Date.parse(events[0]?.time ?? "");
  const after = {
    title: "after",
    cell: ({ time }: LogEvent) => (Date.parse(time) > begin ? `+${showSpan(Date.parse(time) - begin)}` : ""),
    align: "right" as const,
  };
  // The day is worth a column only when there are two.
  const sameDay = new Set(events.map(({ time }) => day(time))).size < 2;
  const columns = [
    { title: "seq", cell: (event: LogEvent) => event.seq, align: "right" as const },
    { title: "time", cell: ({ time }: LogEvent) => (sameDay ? clock(time) : moment(time)) },
    ...(how.chain ? [after] : []),
    { title: "who", cell: ({ actor }: LogEvent) => actor },
    { title: "what", cell: ({ type }: LogEvent) => type, tone: toneOf },
    { title: "", cell: ({ summary }: LogEvent) => summary, flexible: true as const },
  ];
  return table(columns, events, look);
}

/** One event of a stream: columns that stand still, because the widths of what comes are not known. */
export function eventLine(event: LogEvent, { columns, paint }: Look): string {
  const head = `${String(event.seq).padStart(7)}  ${clock(event.time)}  ${event.actor.padEnd(14)}  `;
  const line = `${head}${event.type.padEnd(20)}  ${oneLine(event.summary)}`;
  const shown = line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
  const at = head.length;
  return `${shown.slice(0, at)}${paint(toneOf(event), shown.slice(at, at + event.type.length))}${shown.slice(at + event.type.length)}\n`;
}
