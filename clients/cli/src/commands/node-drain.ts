import { setTimeout as sleep } from "node:timers/promises";
import { DrainPlanReply } from "@eru/events";
import { type Command, Option } from "commander";
import type { Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseDuration, showSpan } from "../quantities.ts";
import { reasonsText } from "../render/reasons.ts";
import { risksText } from "../render/rollout.ts";
import { oneLine } from "../render/text.ts";
import { NodeDetail } from "../views.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";

/** Between two looks at a drain, in milliseconds. */
const lookMs = 500;

type Drain = NonNullable<NodeDetail["drain"]>;
type Options = {
  reason?: string;
  deadline?: number;
  cancel?: true;
  dryRun?: true;
  wait?: true;
  timeout: number;
};

/** `eru node drain`. */
export function addDrain(cli: Cli, node: Command): void {
  node
    .command("drain")
    .description("move everything on a node elsewhere, start-first, and place nothing new there")
    .argument("<node>")
    .option("--reason <text>", "why, for the others")
    .addOption(
      new Option(
        "--deadline <time>",
        "pause it then with what is left, as 10m (default: as long as it takes)",
      ).argParser(parseDuration),
    )
    .option("--cancel", "end the drain: what has not been moved stays")
    .option("--dry-run", "show what would move where, and what cannot; record nothing")
    .addOption(option.wait().conflicts(["cancel", "dryRun"]))
    .addOption(option.timeout())
    .action((name: string, options: Options) =>
      cli.withApi(async (api) => {
        if (options.cancel && (options.dryRun || options.reason !== undefined))
          throw new CliError(exitCodes.usage, "--cancel goes with neither --dry-run nor --reason");
        if (options.cancel) await cancel(cli, api, name);
        else if (options.dryRun) await forecast(cli, api, name);
        else await drain(cli, api, name, options);
      }),
    );
}

async function cancel(cli: Cli, api: Api, name: string): Promise<void> {
  const answer = await api.order("DELETE", path`/v1/nodes/${name}/drain`);
  await recorded(cli, api, answer, `the drain of node ${name} is cancelled: it takes workloads again`);
}

async function drain(cli: Cli, api: Api, name: string, options: Options): Promise<void> {
  const { reason, deadline: deadlineMs, wait, timeout } = options;
  const body = { ...(reason && { reason }), ...(deadlineMs !== undefined && { deadlineMs }) };
  const answer = await api.order("POST", path`/v1/nodes/${name}/drain`, body);
  if (wait) await untilEmpty(cli, api, { name, answer, timeoutMs: timeout });
  else
    await recorded(
      cli,
      api,
      answer,
      `node ${name} is being drained: see \`eru node show ${name}\` for what is left`,
    );
}

const many = (count: number): string => `${count} workload${count === 1 ? "" : "s"}`;
const sum = (some: readonly number[]): number => some.reduce((total, one) => total + one, 0);

async function forecast(cli: Cli, api: Api, name: string): Promise<void> {
  const plan = await api.command("POST", path`/v1/nodes/${name}/drain`, DrainPlanReply, {
    body: {},
    query: { dryRun: true },
  });
  const stuck = sum(plan.deployments.map((one) => one.stuck));
  if (stuck > 0) cli.exitCode = exitCodes.notTrue;
  cli.answer(plan, () => forecastText(cli, plan, stuck));
}

function forecastText(cli: Cli, plan: DrainPlanReply, stuck: number): string {
  const { node, liveness, deployments, deploymentsTotal } = plan;
  const all = sum(deployments.map(({ workloads }) => workloads));
  const unheard =
    liveness === "lost" ? `node ${node} is lost: its workloads are replaced without a drain\n` : "";
  if (all === 0) return `${unheard}dry run, nothing recorded: nothing runs on ${node} that would be moved\n`;
  const dropped = sum(deployments.map((one) => one.dropped ?? 0));
  const also = [
    stuck > 0 ? `, ${stuck} cannot be` : "",
    dropped > 0 ? `, ${dropped} would go: they belong to the node` : "",
  ].join("");
  const first =
    all === stuck
      ? `nothing on ${node} can be moved: all ${many(all)} would stay`
      : `${all - stuck - dropped} of ${many(all)} on ${node} would be moved${also}`;
  const each = deployments.map(({ deployment, placed, stuck: stays, dropped: go, reasons, risks }) => {
    const to = placed.map(({ node: there, count }) => `${count} to ${there}`).join(", ");
    const ends = [stays > 0 ? `${stays} stay` : "", go ? `${go} not replaced elsewhere` : ""];
    return `\n${deployment}: ${[to, ...ends].filter((part) => part !== "").join(", ")}\n${
      stays > 0 ? reasonsText(reasons, cli.look) : ""
    }${risksText(risks, "not without downtime")}`;
  });
  const more = deploymentsTotal - deployments.length;
  return `${unheard}dry run, nothing recorded: ${first}\n${each.join("")}${more > 0 ? `\nand ${more} more deployments\n` : ""}`;
}

/** How far a drain is, in one line. */
export function drainText({ left, leaving, lost, stuckTotal, stuck, paused }: Drain): string {
  if (left + leaving + lost === 0) return "done: nothing is left";
  const parts = [
    left > 0 ? `${many(left)} to move` : "",
    leaving > 0 ? `${leaving} leaving` : "",
    lost > 0 ? `${lost} lost with it` : "",
  ].filter((part) => part !== "");
  const why = stuck
    .slice(0, 3)
    .map(
      ({ deployment, workloads, state, reason }) => `${deployment} (${workloads}) ${reason ?? `is ${state}`}`,
    );
  const stays = stuckTotal > 0 ? `; ${stuckTotal} cannot be moved now: ${why.join("; ")}` : "";
  const halted = { user: "paused: ", deadline: "paused at its deadline: " };
  return oneLine(`${paused ? halted[paused] : ""}${parts.join(", ")}${stays}`);
}

type Waiting = { name: string; answer: Recorded; timeoutMs: number };

/** Waits until nothing is left on the node, and says how it goes whenever that changes. */
async function untilEmpty(cli: Cli, api: Api, { name, answer, timeoutMs }: Waiting): Promise<void> {
  const begun = performance.now();
  let said = "";
  for (let after: number | undefined = answer.seq; ; after = undefined) {
    const { drain: now } = await api.query(path`/v1/nodes/${name}`, NodeDetail, { after });
    const elapsedMs = performance.now() - begun;
    const seconds = Number((elapsedMs / 1_000).toFixed(1));
    if (!now) {
      cli.exitCode = exitCodes.notTrue;
      cli.answer({ ...answer, outcome: "cancelled", seconds }, () => `${name}: its drain was cancelled\n`);
      return;
    }
    const text = drainText(now);
    const done = now.left + now.leaving + now.lost === 0;
    // A drain that is paused gets no further by waiting.
    if (done || now.paused || elapsedMs >= timeoutMs) {
      const outcome = done ? "reached" : now.paused ? "paused" : "late";
      if (!done) cli.exitCode = exitCodes.notTrue;
      cli.answer({ ...answer, outcome, seconds, drain: now }, () => `${name}: ${text}\n`);
      if (!done && now.paused)
        cli.say(
          `eru: ${name}: not empty and paused: \`eru drain resume ${name}\` or \`eru drain abort ${name}\`\n`,
        );
      else if (!done)
        cli.say(`eru: ${name}: not empty after ${showSpan(timeoutMs)}, and the drain goes on\n`);
      return;
    }
    if (text !== said) cli.say(`${name}: ${text}\n`);
    said = text;
    await sleep(lookMs, undefined, { signal: api.signal });
  }
}
