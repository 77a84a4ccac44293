import { showSpan } from "../quantities.ts";
import type { Rollout, RolloutDetail } from "../views.ts";
import { eventTable, moment } from "./event.ts";
import { details, type Look } from "./table.ts";
import { oneLine, type Tone } from "./text.ts";

const tones: Readonly<Record<string, Tone>> = {
  requested: "busy",
  running: "busy",
  paused: "busy",
  canary: "busy",
  rolling_back: "bad",
  halted: "bad",
  completed: "good",
  rolled_back: "bad",
  superseded: "faint",
  removed: "faint",
};

/** The colour of a rollout's state. */
export const rolloutTone = (state: string): Tone | undefined => tones[state];
/** A rollout's state in words. */
export const rolloutWord = (state: string): string => state.replace("_", " ");

/** Why a change may cost requests; nothing when nothing is known that would. */
export const risksText = (risks: readonly { detail: string }[] | null | undefined, what: string): string =>
  risks && risks.length > 0
    ? `\n${what}:\n${risks.map(({ detail }) => `  - ${oneLine(detail)}\n`).join("")}`
    : "";

/** What a rollout changes, in words. */
export function changeText({ release, fromRelease, changes, undoes }: Rollout): string {
  const from = fromRelease === release ? release : `${fromRelease} → ${release}`;
  const others = changes.filter((change) => change !== "release");
  const what = others.length > 0 ? `${from}, ${others.join(", ")}` : from;
  return undoes === null ? what : `${what} (undoes rollout ${undoes})`;
}

/** A rollout in detail: where it stands, why it stopped, and what happened. */
export function rolloutText(rollout: RolloutDetail, look: Look, now: number): string {
  const { deployment, number, state, detail, reason, fresh, stale, settings, endedAt, requestedAt } = rollout;
  const span = Date.parse(endedAt ?? new Date(now).toISOString()) - Date.parse(requestedAt);
  const lines = details(
    [
      ["rollout", `${number} of ${deployment} (${rollout.app}/${rollout.entrypoint})`],
      ["state", look.paint(rolloutTone(state), rolloutWord(state))],
      ["because", reason === null ? undefined : oneLine(reason)],
      ["changes", changeText(rollout)],
      ["workloads", `${fresh} new, ${stale} old`],
      ["last step", detail === "" ? undefined : oneLine(detail)],
      ["settings", settingsText(settings)],
      ["asked for", `${moment(requestedAt)} by ${rollout.requestedBy}`],
      [endedAt === null ? "since" : "took", showSpan(span)],
    ],
    look,
  );
  const risks = risksText(rollout.risks, "not without downtime");
  return `${lines}${risks}\n${eventTable(rollout.steps, look, { chain: true })}`;
}

const settingsText = (settings: Readonly<Record<string, unknown>>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
