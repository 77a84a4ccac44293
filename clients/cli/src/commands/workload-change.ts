import { setTimeout as sleep } from "node:timers/promises";
import { InheritedFile, ReplacePlanReply, type WorkloadChange } from "@eru/events";
import { type Command, InvalidArgumentError } from "commander";
import type { Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { showSpan } from "../quantities.ts";
import { replacePlanText } from "../render/replace-plan.ts";
import { oneLine } from "../render/text.ts";
import { Workload } from "../views.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";

/** Between two looks at a change, in milliseconds. */
const lookMs = 300;

type Options = {
  ignoreHooks?: true;
  wait?: true;
  timeout: number;
  copy?: InheritedFile[];
  inheritNetwork?: true;
  dryRun?: true;
};

const descriptions: Readonly<Record<WorkloadChange, string>> = {
  restart: "drain a workload, stop its container and start it again in place",
  stop: "drain a workload and stop it; container and booking stay, nothing replaces it",
  start: "start a workload that was stopped",
  replace: "put a new container of the same template in a workload's place, on its node",
};

/** `eru workload restart|stop|start|replace`. */
export function addChanges(cli: Cli, workload: Command): void {
  for (const change of ["restart", "stop", "start", "replace"] as const) {
    const command = workload
      .command(change)
      .description(descriptions[change])
      .argument("<workload>")
      .option("--ignore-hooks", "go on when a hook fails that must succeed")
      .addOption(option.wait())
      .addOption(option.timeout())
      .action((id: string, options: Options) =>
        cli.withApi((api) => changeWorkload(cli, api, { id, change, options })),
      );
    if (change === "replace") addInheritance(command);
  }
}

function addInheritance(command: Command): void {
  command
    .option(
      "--copy <from:to>",
      "take a file or directory of the old container over before the new one starts; may be repeated",
      (text: string, before: InheritedFile[] = []) => [...before, inheritedFile(text)],
    )
    .option("--inherit-network", "the same address or ports; the old container is stopped first")
    .option(
      "--dry-run",
      "show whether it goes beside the old one or in place, and what that costs; record nothing",
    );
}

/** `/etc/app.conf:/etc/app.conf`, or one path for both. */
function inheritedFile(text: string): InheritedFile {
  const [from = "", to = from, ...rest] = text.split(":");
  const file = InheritedFile.safeParse({ from, to });
  if (file.success && rest.length === 0) return file.data;
  const why = file.error?.issues[0]?.message ?? "there is one colon too many";
  throw new InvalidArgumentError(
    `${why}: name it as /path/in/the/old:/path/in/the/new, both absolute, or as one path for both`,
  );
}

type Asked = { id: string; change: WorkloadChange; options: Options };

async function changeWorkload(cli: Cli, api: Api, { id, change, options }: Asked): Promise<void> {
  const body = {
    ...(options.ignoreHooks && { ignoreHooks: true }),
    ...(options.copy && { copy: options.copy }),
    ...(options.inheritNetwork && { network: true }),
  };
  if (options.dryRun) return await planReplacement(cli, api, { id, body, options });
  const answer = await api.order("POST", path`/v1/workloads/${id}/${change}`, body);
  if (!options.wait || !answer.changed) {
    await recorded(cli, api, answer, `${id}: ${change} asked for`);
    return;
  }
  const begun = performance.now();
  const after = await untilOver(cli, api, { id, answer, timeoutMs: options.timeout });
  const took = showSpan(performance.now() - begun);
  const successor = after.change?.successor;
  cli.answer(after, () =>
    successor === undefined
      ? `${id}: ${change} done in ${took}, it is ${after.state} on ${after.node}\n`
      : `${id}: ${change} done in ${took}, ${successor} serves in its place on ${after.node}\n`,
  );
}

async function planReplacement(
  cli: Cli,
  api: Api,
  { id, body, options }: { id: string; body: object; options: Options },
): Promise<void> {
  if (options.wait) throw new CliError(exitCodes.usage, "--dry-run does nothing to --wait for");
  const query = { dryRun: true };
  const plan = await api.command("POST", path`/v1/workloads/${id}/replace`, ReplacePlanReply, {
    body,
    query,
  });
  if (plan.how === "refused") cli.exitCode = exitCodes.notTrue;
  cli.answer(plan, () => `dry run, nothing recorded: ${replacePlanText(plan)}`);
}

/** Looks until the change is over. What it costs is said as soon as it is known. */
export async function untilOver(
  cli: Cli,
  api: Api,
  { id, answer, timeoutMs }: { id: string; answer: Recorded; timeoutMs: number },
): Promise<Workload> {
  let risk: string | undefined;
  for (const endMs = performance.now() + timeoutMs; ; ) {
    const one = await api.query(path`/v1/workloads/${id}`, Workload, { after: answer.seq });
    const { change } = one;
    const newer = change !== null && change.seq > answer.seq;
    if (change?.step === "done" || newer) return one;
    if (change?.step === "refused")
      throw new CliError(exitCodes.notTrue, `${id}: ${change.detail ?? "refused"}`, {
        next: `run \`eru why ${id}\` for what happened`,
      });
    // What has failed can be kept to be looked at.
    const failed = one.state === "failed" && change?.change !== "dissociate";
    if (one.state === "removed" || failed)
      throw new CliError(
        exitCodes.notTrue,
        `${id} is ${one.state}: ${oneLine(one.lastError ?? "it was replaced")}`,
        {
          next: `run \`eru why ${id}\` for what happened`,
        },
      );
    if (change?.detail && change.detail !== risk) {
      risk = change.detail;
      cli.say(`not without downtime: ${risk}\n`);
    }
    if (performance.now() > endMs)
      throw new CliError(
        exitCodes.notTrue,
        `${id} is not there after ${showSpan(timeoutMs)}: ${stepWords(one)}`,
        {
          next: `it goes on: \`eru workload show ${id}\`, \`eru why ${id}\``,
        },
      );
    await sleep(lookMs, undefined, { signal: cli.io.signal });
  }
}

/** How far the last change of a workload is, for people. */
export function stepWords({ change, state }: Workload): string {
  if (change === null) return state;
  const { change: verb, step, detail, successor } = change;
  const how = {
    asked: "waits for its turn",
    draining: "its requests are drained",
    ordered:
      successor === undefined ? "ordered, the node is at it" : `waits until ${successor} serves in its place`,
    done: successor === undefined ? "done" : `done, ${successor} serves in its place`,
    refused: "refused",
  }[step];
  return `${verb} ${how}${detail === null ? "" : ` (${detail})`}`;
}
