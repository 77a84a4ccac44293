import { showSpan } from "../quantities.ts";
import type { WhyDeployment, WhyWorkload } from "../views.ts";
import { eventTable, moment } from "./event.ts";
import { stateTone, stateWord } from "./progress.ts";
import { reasonsText, rejectionsText } from "./reasons.ts";
import type { Look } from "./table.ts";
import { oneLine, plural } from "./text.ts";

/** Why a workload is where it is: the choice with what it was weighed against, then the chain from command to facts. */
export function workloadWhy(
  { workload, placement, chain, chainCut }: WhyWorkload,
  look: Look,
  now: number,
  at?: number,
): string {
  const { workload: id, state, node, lastError } = workload;
  if (at !== undefined)
    return [
      `${id} as of sequence ${at}: ${oneLine(chain.at(-1)?.summary ?? "nothing was known of it")}\n\n`,
      placement ? placementText(placement, look, now) : "no decision had placed it\n\n",
      chain.length > 0 ? `what had happened:\n\n${eventTable(chain, look, { chain: true })}` : "",
    ].join("");
  const error = lastError === null ? "" : `; last error: ${oneLine(lastError)}`;
  const where = state === "removed" ? "from" : "on";
  return [
    `${id} is ${look.paint(stateTone(state), stateWord(state))} ${where} ${node}${error}\n\n`,
    placement ? placementText(placement, look, now) : "no decision placed it\n\n",
    "what happened:\n\n",
    chainCut ? `… older events: \`eru events --object workload:${id}\`\n` : "",
    eventTable(chain, look, { chain: true }),
  ].join("");
}

function placementText(placement: NonNullable<WhyWorkload["placement"]>, look: Look, now: number): string {
  const { node, because, score, seq, time, actor, reasons } = placement;
  const chosen = score
    ? `it had ${plural(score.count, "workload")} of this entrypoint and room for ${score.capacity}`
    : "its figures were left out of the recorded list";
  const ago = showSpan(now - Date.parse(time));
  return [
    `placed on ${look.paint("strong", node)} by the ${actor} because ${because.replaceAll("_", " ")}, `,
    `${ago} ago (sequence ${seq}): ${chosen}\n`,
    reasonsText(reasons, look),
  ].join("");
}

/** Why a deployment is as it is: what is missing and would help, the newest placement, who asked and what was decided. */
export function deploymentWhy(why: WhyDeployment, look: Look): string {
  const { deployment, items, next, orders } = why;
  const { state, reason, counts, app, entrypoint, release, pod } = deployment;
  const because = reason === null ? "" : `: ${oneLine(reason)}`;
  const { wanted, placed, healthy } = counts;
  const events = [...orders, ...items].toSorted(
    (one, other) => one.seq - other.seq || one.index - other.index,
  );
  return [
    `${deployment.deployment} is ${state}${because}\n`,
    `${app}/${entrypoint}, release ${release}, in pod ${pod}: ${wanted} wanted, ${placed} placed, ${healthy} healthy\n`,
    shortText(why, look),
    lastPlacement(why, look),
    "\nwho asked and what was decided:\n\n",
    next === null ? "" : `… older decisions: \`eru events --object deployment:${deployment.deployment}\`\n`,
    eventTable(events, look, { chain: true }),
  ].join("");
}

/** Workloads without a node, unless the newest placement says it anyhow. */
function shortText({ short, placement }: WhyDeployment, look: Look): string {
  if (!short || short.seq === placement?.seq) return "";
  return [
    `\n${plural(short.workloads, "workload")} found no room (decided ${moment(short.time)}, sequence ${short.seq}):\n`,
    rejectionsText(short, look),
    "\n",
    ...short.wouldHelp.map((help) => `would help: ${oneLine(help)}\n`),
  ].join("");
}

/** What the newest decision that placed something weighed. */
function lastPlacement({ placement }: WhyDeployment, look: Look): string {
  if (!placement) return "";
  const { time, seq, summary, payload } = placement;
  const reasons = payload.reasons ? reasonsText(payload.reasons, look).trimEnd() : "";
  return `\nlast placement (${moment(time)}, sequence ${seq}): ${oneLine(summary)}\n${reasons}\n`;
}
