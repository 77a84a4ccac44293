import { Reasons } from "@eru/events";
import { z } from "zod";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError } from "../errors.ts";
import { showSpan } from "../quantities.ts";
import { eventTable, moment } from "../render/event.ts";
import { stateTone, stateWord } from "../render/progress.ts";
import { reasonsText, rejectionsText } from "../render/reasons.ts";
import { oneLine, plural } from "../render/text.ts";
import { Deployment, LogEvent, Workload } from "../views.ts";
import { path } from "./common.ts";

/** Decisions of a deployment that are shown. */
const decisionsMax = 20;

const Placement = z.looseObject({
  ...LogEvent.shape,
  node: z.string(),
  because: z.string(),
  score: z.looseObject({ node: z.string(), count: z.int(), capacity: z.int(), placed: z.int() }).nullable(),
  reasons: Reasons,
});

const WhyWorkload = z.looseObject({
  workload: Workload,
  placement: Placement.nullable(),
  chain: z.array(LogEvent),
  chainCut: z.boolean(),
});
type WhyWorkload = z.infer<typeof WhyWorkload>;

const WhyDeployment = z.looseObject({
  deployment: Deployment,
  short: z
    .looseObject({
      seq: z.int(),
      time: z.string(),
      workloads: z.int(),
      ...Reasons.pick({ rejectedTotals: true, rejected: true, wouldHelp: true }).shape,
    })
    .nullable(),
  items: z.array(z.looseObject({ ...LogEvent.shape, payload: z.looseObject({}) })),
  next: z.string().nullable(),
});
type WhyDeployment = z.infer<typeof WhyDeployment>;

/** `eru why`. */
export function addWhy(cli: Cli): void {
  cli.program
    .command("why")
    .description("why a workload is where it is, or why a deployment is as it is: decisions, reasons, causes")
    .argument("<workload|deployment>")
    .action((id: string) => cli.withApi((api) => why(cli, api, id)));
}

async function why(cli: Cli, api: Api, id: string): Promise<void> {
  // A workload's id is its deployment's with a number; but a deployment's may end in digits too.
  const workload = /-\d+$/.test(id)
    ? await orUnknown(api.query(path`/v1/why/workloads/${id}`, WhyWorkload))
    : undefined;
  if (workload) return cli.answer(workload, () => workloadText(cli, workload));
  const deployment = await api.query(path`/v1/why/deployments/${id}`, WhyDeployment, { limit: decisionsMax });
  const orders = await api.list(
    "/v1/events",
    LogEvent,
    { object: `deployment:${id}`, kind: "deployment", order: "desc" },
    decisionsMax,
  );
  cli.answer({ ...deployment, orders }, () => deploymentText(cli, deployment, orders));
}

async function orUnknown<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CliError && error.code === "workload_unknown") return undefined;
    throw error;
  }
}

function workloadText(cli: Cli, { workload, placement, chain, chainCut }: WhyWorkload): string {
  const { look, io } = cli;
  const state = look.paint(stateTone(workload.state), stateWord(workload.state));
  const error = workload.lastError === null ? "" : `; last error: ${oneLine(workload.lastError)}`;
  const head = `${workload.workload} is ${state} on ${workload.node}${error}\n`;
  const cut = chainCut ? `… earlier ones: \`eru events --object workload:${workload.workload}\`\n` : "";
  return `${head}\n${placement ? placementText(cli, placement, io.now()) : "no decision placed it\n\n"}what happened:\n\n${cut}${eventTable(chain, look)}`;
}

function placementText(cli: Cli, placement: z.infer<typeof Placement>, now: number): string {
  const { node, because, score, seq, time, actor, reasons } = placement;
  const chosen = score
    ? `it had ${plural(score.count, "workload")} of this entrypoint and room for ${score.capacity}`
    : "its figures were left out of the recorded list";
  const ago = showSpan(now - Date.parse(time));
  return [
    `placed on ${cli.look.paint("strong", node)} by the ${actor} because ${because.replaceAll("_", " ")}, ${ago} ago (sequence ${seq}): ${chosen}\n`,
    reasonsText(reasons, cli.look),
  ].join("");
}

function deploymentText(cli: Cli, why: WhyDeployment, orders: readonly LogEvent[]): string {
  const { deployment, short, items, next } = why;
  const { state, reason, counts, app, entrypoint, release, pod } = deployment;
  const because = reason === null ? "" : `: ${oneLine(reason)}`;
  return [
    `${deployment.deployment} is ${state}${because}\n`,
    `${app}/${entrypoint}, release ${release}, in pod ${pod}: ${counts.wanted} wanted, ${counts.placed} placed, ${counts.healthy} healthy\n`,
    short ? shortText(cli, short) : "",
    lastPlacement(cli, items),
    "\nwho asked and what was decided:\n\n",
    next === null ? "" : `… earlier ones: \`eru events --object deployment:${deployment.deployment}\`\n`,
    eventTable(
      [...orders, ...items].toSorted((one, other) => one.seq - other.seq || one.index - other.index),
      cli.look,
    ),
  ].join("");
}

function shortText(cli: Cli, short: NonNullable<WhyDeployment["short"]>): string {
  return [
    `\n${plural(short.workloads, "workload")} found no room (decided ${moment(short.time)}, sequence ${short.seq}):\n`,
    rejectionsText(short, cli.look),
    ...short.wouldHelp.map((help) => `would help: ${oneLine(help)}\n`),
  ].join("");
}

/** What the newest decision that placed something weighed. */
function lastPlacement(cli: Cli, items: WhyDeployment["items"]): string {
  const newest = items.find(({ type }) => type === "PlacementDecided");
  const reasons = newest && Reasons.safeParse(newest.payload["reasons"]);
  if (!newest || !reasons?.success) return "";
  return `\nlast placement (${moment(newest.time)}, sequence ${newest.seq}): ${oneLine(newest.summary)}\n${reasonsText(reasons.data, cli.look).trimEnd()}\n`;
}
