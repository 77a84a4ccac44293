import { setTimeout as sleep } from "node:timers/promises";
import { DrainPlanReply } from "@eru/events";
import { type Command, Option } from "commander";
import type { Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { forDryRuns, type OfflineOptions, offlineOption, withZone } from "../offline.ts";
import { parseDuration, showSpan } from "../quantities.ts";
import { drainPlanText, stuckIn } from "../render/drain-plan.ts";
import { oneLine, plural } from "../render/text.ts";
import { saveDrain } from "../saved-plan.ts";
import { NodeDetail } from "../views.ts";
import { path, recorded } from "./common.ts";
import type { WaitOptions } from "./deploy.ts";
import { option } from "./options.ts";

/** Between two looks at a drain, in milliseconds. */
const lookMs = 500;

type Drain = NonNullable<NodeDetail["drain"]>;
type Options = WaitOptions &
  OfflineOptions & {
    reason?: string;
    deadline?: number;
    cancel?: true;
    dryRun?: true;
    save?: string;
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
    .option("--save <file>", "with --dry-run: keep the plan, for `eru plan apply`")
    .addOption(offlineOption.log())
    .addOption(offlineOption.at())
    .addOption(option.wait().conflicts(["cancel", "dryRun"]))
    .addOption(option.timeout())
    .action((name: string, options: Options) =>
      withZone(cli, options, async (api) => {
        forDryRuns(options);
        if (options.cancel && (options.dryRun || options.reason !== undefined))
          throw new CliError(exitCodes.usage, "--cancel goes with neither --dry-run nor --reason");
        if (options.save !== undefined && !options.dryRun)
          throw new CliError(exitCodes.usage, "--save keeps what a dry run answers: add --dry-run");
        if (options.cancel) await cancel(cli, api, name);
        else if (options.dryRun) await forecast(cli, api, name, options);
        else await requestDrain(cli, api, name, bodyOf(options), options);
      }),
    );
}

async function cancel(cli: Cli, api: Api, name: string): Promise<void> {
  const answer = await api.order("DELETE", path`/v1/nodes/${name}/drain`);
  await recorded(cli, api, answer, `the drain of node ${name} is cancelled: it takes workloads again`);
}

const bodyOf = ({ reason, deadline: deadlineMs }: Options) => ({
  ...(reason && { reason }),
  ...(deadlineMs !== undefined && { deadlineMs }),
});

/** Asks for a drain, from options or from a saved plan. */
export async function requestDrain(
  cli: Cli,
  api: Api,
  name: string,
  body: object,
  { wait, timeout }: WaitOptions,
): Promise<void> {
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

async function forecast(cli: Cli, api: Api, name: string, options: Options): Promise<void> {
  const reply = await api.command("POST", path`/v1/nodes/${name}/drain`, DrainPlanReply, {
    body: {},
    query: { dryRun: true },
  });
  if (stuckIn(reply) > 0) cli.exitCode = exitCodes.notTrue;
  if (options.save !== undefined)
    saveDrain(cli, options.save, { drain: name, request: bodyOf(options), reply });
  cli.answer(reply, () => `dry run, nothing recorded: ${drainPlanText(reply, cli.look)}`);
}

/** How far a drain is, in one line. */
export function drainText({ left, leaving, lost, stuckTotal, stuck, paused }: Drain): string {
  if (left + leaving + lost === 0) return "done: nothing is left";
  const parts = [
    left > 0 ? `${plural(left, "workload")} to move` : "",
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
