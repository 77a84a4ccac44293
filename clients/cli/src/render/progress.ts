import { stripVTControlCharacters } from "node:util";
import { ownReason, type Snapshot, summary } from "../progress.ts";
import { showSpan } from "../quantities.ts";
import type { Workload } from "../views.ts";
import { oneLine, type Paint, type Tone } from "./text.ts";

/** The screen a live picture is drawn on. */
export type Screen = { columns: number; rows: number; paint: Paint };

const tones: Readonly<Record<string, Tone>> = {
  healthy: "good",
  assigned: "busy",
  created: "busy",
  started: "busy",
  exited: "bad",
  unhealthy: "bad",
  failed: "bad",
  lost: "bad",
  draining: "faint",
  stopping: "faint",
  dissociated: "faint",
  removed: "faint",
};

/** A workload's state in the words of the command line. */
export const stateWord = (state: string): string => (state === "assigned" ? "placed" : state);
/** The colour of a workload's state. */
export const stateTone = (state: string): Tone | undefined => tones[state];

/** Lines that a picture needs besides the workloads: the summary, the reason, what was left out, the prompt. */
const otherLines = 4;

/** One picture of a deployment's progress, small enough for the screen: what is not healthy comes first. */
export function picture(now: Snapshot, elapsedMs: number, { columns, rows, paint }: Screen): string[] {
  const { deployment, state } = now.deployment;
  const there = now.workloads.filter((workload) => workload.state !== "removed");
  const room = Math.max(1, rows - otherLines);
  const shown = there.length <= room ? there : urgentFirst(there).slice(0, room);
  const idWidth = Math.max(0, ...shown.map(({ workload }) => workload.length));
  const nodeWidth = Math.max(0, ...shown.map(({ node }) => node.length));
  const lines = [
    `${paint("strong", deployment)}  ${state}  ${summary(now)}  ${paint("faint", showSpan(elapsedMs))}`,
    ...shown.map(
      (one) => `  ${one.workload.padEnd(idWidth)}  ${one.node.padEnd(nodeWidth)}  ${progressOf(one, paint)}`,
    ),
  ];
  if (shown.length < there.length) lines.push(paint("faint", `  … and ${there.length - shown.length} more`));
  const reason = ownReason(now);
  if (reason !== undefined) lines.push(`  ${paint("busy", oneLine(reason))}`);
  return lines.map((line) => cut(line, columns - 1));
}

/** Those that work are the least interesting. */
const urgentFirst = (workloads: readonly Workload[]): Workload[] =>
  workloads.toSorted((one, other) => Number(one.state === "healthy") - Number(other.state === "healthy"));

/** How far a workload is, and what went wrong. */
function progressOf({ state, lastError, placedAt, healthyAt }: Workload, paint: Paint): string {
  const word = paint(stateTone(state), stateWord(state));
  if (state === "healthy" && healthyAt !== null)
    return `${word} ${paint("faint", `after ${showSpan(Date.parse(healthyAt) - Date.parse(placedAt))}`)}`;
  return lastError === null ? word : `${word}: ${oneLine(lastError)}`;
}

/** A line that would wrap cannot be drawn over, so it loses its end, and its colours with it. */
const cut = (line: string, width: number): string => {
  const plain = stripVTControlCharacters(line);
  return plain.length <= width ? line : `${plain.slice(0, Math.max(0, width - 1))}…`;
};
