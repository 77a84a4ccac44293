import { UpgradePlanReply } from "@eru/events";
import { type Command, InvalidArgumentError } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { forDryRuns, type OfflineOptions, offlineOption, withZone } from "../offline.ts";
import { parseDuration, parseWhole } from "../quantities.ts";
import { upgradePlanText } from "../render/upgrade-plan.ts";
import { saveUpgrade } from "../saved-plan.ts";
import { Books } from "../views.ts";
import { path, recorded } from "./common.ts";
import { followUp, type WaitOptions } from "./deploy.ts";
import { option } from "./options.ts";

/** Options of everything that begins a rollout. */
export type SettingOptions = WaitOptions & {
  surge?: number;
  batch?: number;
  stopFirst?: true;
  canary?: { count: number } | { percent: number };
  healthDeadline?: number;
  onFailure?: string;
  replace?: true;
};

type UpgradeOptions = SettingOptions &
  OfflineOptions & {
    release?: string;
    env?: Record<string, string>;
    cpu?: number;
    memory?: number;
    settings?: Record<string, unknown>;
    force?: true;
    dryRun?: true;
    save?: string;
  };

function parseCanary(text: string): { count: number } | { percent: number } {
  const [, amount, percent] = /^([1-9]\d{0,3})(%?)$/.exec(text) ?? [];
  if (amount === undefined || (percent && Number(amount) > 99))
    throw new InvalidArgumentError("Write a number of workloads, or a part of them from 1% to 99%.");
  return percent ? { percent: Number(amount) } : { count: Number(amount) };
}

function parseSettings(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below, with an example.
  }
  throw new InvalidArgumentError(`Write fields of the entrypoint as JSON: {"graceSeconds": 30}.`);
}

/** Adds the options that say how a rollout goes about it. */
export const addSettings = (command: Command): Command =>
  command
    .option(
      "--batch <n>",
      "how many are replaced at a time (default: as --surge, or 1)",
      parseWhole(1, 1_000),
    )
    .option(
      "--surge <n>",
      "how many more than wished may run (default: as --batch, or 1)",
      parseWhole(1, 1_000),
    )
    .option("--stop-first", "an old one goes before the new one in its place starts")
    .option("--canary <n|p%>", "so many first; then wait for promote or abort", parseCanary)
    .option(
      "--health-deadline <time>",
      "longest time until a new one is healthy (default: 5m)",
      parseDuration,
    )
    .addOption(option.onFailure())
    .option("--replace", "take the place of a rollout that is under way")
    .addOption(option.wait())
    .addOption(option.timeout());

/** The settings as the server takes them. */
export const settingsBody = (options: SettingOptions): Record<string, unknown> => ({
  ...(options.surge !== undefined && { surge: options.surge }),
  ...(options.batch !== undefined && { batch: options.batch }),
  ...(options.stopFirst && { order: "stop-first" }),
  ...(options.canary && { canary: options.canary }),
  ...(options.healthDeadline !== undefined && { healthDeadlineMs: options.healthDeadline }),
  ...(options.onFailure !== undefined && { onFailure: options.onFailure }),
  ...(options.replace && { replace: true }),
});

/** `upgrade <deployment>`, in a group or at the top. */
export function addUpgrade(cli: Cli, parent: Command): void {
  const command = parent
    .command("upgrade")
    .description("replace a deployment's workloads by another release, environment, size or entrypoint")
    .argument("<deployment>")
    .option("--release <release>", "release of the same app (default: the one it has)")
    .addOption(option.env("environment variable; given once, replaces the whole environment"))
    .addOption(option.cpu("CPU to book per workload, as 0.1 or 100m (default: as it is)"))
    .addOption(option.memory("memory to book per workload, as 32M or 1.5G (default: as it is)"))
    .option("--settings <json>", "fields of the entrypoint in place of the release's", parseSettings)
    .option("--force", "replace all workloads also when nothing differs: a rolling restart")
    .option("--dry-run", "show what would be done first, and why it may cost requests; record nothing")
    .option("--save <file>", "with --dry-run: keep the plan, for `eru plan apply`");
  command.addOption(offlineOption.log()).addOption(offlineOption.at());
  addSettings(command).action((deployment: string, options: UpgradeOptions) =>
    withZone(cli, options, (api) => upgrade(cli, api, deployment, options)),
  );
}

async function upgrade(cli: Cli, api: Api, deployment: string, options: UpgradeOptions): Promise<void> {
  const { release, env, settings, force, dryRun, save } = options;
  const sized = options.cpu !== undefined || options.memory !== undefined;
  if (release === undefined && !env && !settings && !sized && !force)
    throw new CliError(
      exitCodes.usage,
      "an upgrade needs --release, --env, --cpu, --memory, --settings, or --force to restart all",
    );
  if (save !== undefined && !dryRun)
    throw new CliError(exitCodes.usage, "--save keeps what a dry run answers: add --dry-run");
  forDryRuns(options);
  if (sized && options.log !== undefined)
    throw new CliError(
      exitCodes.usage,
      "--cpu and --memory change what a view tells a deployment has: an exported log has no view, leave them out",
    );
  if (dryRun && options.wait) throw new CliError(exitCodes.usage, "--dry-run does nothing to --wait for");
  const body = {
    ...(release !== undefined && { release }),
    ...(env && { env }),
    ...(sized && { resources: await resourcesOf(api, deployment, options) }),
    ...(settings && { settings }),
    ...(force && { force }),
    ...settingsBody(options),
  };
  if (dryRun) await plan(cli, api, deployment, { body, save });
  else await requestUpgrade(cli, api, deployment, body, options);
}

/** Asks for an upgrade, from options or from a saved plan. */
export async function requestUpgrade(
  cli: Cli,
  api: Api,
  deployment: string,
  body: { release?: string | undefined; expect?: object },
  options: WaitOptions,
): Promise<void> {
  const { release } = body;
  const answer = await api.order("POST", path`/v1/deployments/${deployment}/upgrade`, body);
  const text = `${deployment}: upgrade${release === undefined ? "" : ` to ${release}`}`;
  if (!answer.changed)
    return await recorded(
      cli,
      api,
      answer,
      `${text}: nothing differs, --force replaces all workloads anyway`,
    );
  await followUp(cli, api, { answer, deployment, text, options, goal: "upgraded" });
}

/** What each workload books from now on: what is not named stays. */
async function resourcesOf(api: Api, deployment: string, { cpu, memory }: UpgradeOptions) {
  const { books } = await api.query(path`/v1/deployments/${deployment}`, Books);
  return { ...books, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memoryMib: memory }) };
}

async function plan(
  cli: Cli,
  api: Api,
  deployment: string,
  { body, save }: { body: object; save: string | undefined },
): Promise<void> {
  const reply = await api.command("POST", path`/v1/deployments/${deployment}/upgrade`, UpgradePlanReply, {
    body,
    query: { dryRun: true },
  });
  if (reply.waiting > 0) cli.exitCode = exitCodes.notTrue;
  if (save !== undefined) saveUpgrade(cli, save, { upgrade: deployment, request: { ...body }, reply });
  cli.answer(reply, () => `dry run, nothing recorded: ${upgradePlanText(reply, cli.look)}`);
}
