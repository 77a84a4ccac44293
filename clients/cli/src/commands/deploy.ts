import {
  type Affinity,
  type Constraint,
  type DefaultResources,
  type PlanExpectation,
  PlanReply,
  type Preference,
  type Spread,
} from "@eru/events";
import type { Command } from "commander";
import { z } from "zod";
import { type Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { forDryRuns, type OfflineOptions, offlineOption, withZone } from "../offline.ts";
import type { Goal } from "../progress.ts";
import { parseWhole } from "../quantities.ts";
import { planText } from "../render/plan.ts";
import { plural } from "../render/text.ts";
import { type WishOptions, wishOf, wishOptions } from "../resource-options.ts";
import { savePlan } from "../saved-plan.ts";
import { Deployment } from "../views.ts";
import { waitFor } from "../wait.ts";
import { path, recorded } from "./common.ts";
import { countMax, option } from "./options.ts";

const Requested = z.looseObject({ ...Recorded.shape, deployment: z.string() });

/** Whether and how long to wait. */
export type WaitOptions = { wait?: true; timeout: number };
type DeployOptions = WaitOptions &
  OfflineOptions &
  WishOptions & {
    entrypoint: string;
    release?: string;
    pod: string;
    count: number;
    cpu: number;
    memory: number;
    include?: string[];
    exclude?: string[];
    label?: Record<string, string>;
    constraint?: Constraint[];
    tolerate?: string[];
    near?: Affinity[];
    apart?: Affinity[];
    prefer?: Preference[];
    preferNear?: Affinity[];
    preferApart?: Affinity[];
    spread?: Spread;
    strategy?: string;
    nodesLimit?: number;
    env?: Record<string, string>;
    waitForRoom: boolean;
    priority?: number;
    preempt?: true;
    waitDeadline?: number;
    dryRun?: true;
    save?: string;
  };

/** `eru deploy`. */
export function addDeploy(cli: Cli): void {
  const command = cli.program
    .command("deploy")
    .description("deploy an entrypoint of an app: a standing wish for a number of workloads in a pod")
    .argument("<app>", "registered app")
    .option("--entrypoint <name>", "entrypoint of the release", "web")
    .option("--release <release>", "release to run (default: the newest one registered)")
    .addOption(option.pod("pod to deploy to").makeOptionMandatory())
    .addOption(option.count().default(1))
    .addOption(option.cpu("CPU to book per workload, as 0.1 or 100m (default: as its app.yaml says)"))
    .addOption(option.memory("memory to book per workload, as 32M or 1.5G (default: as its app.yaml says)"))
    .addOption(option.names("--include <node>", "only these nodes"))
    .addOption(option.names("--exclude <node>", "not these nodes"))
    .addOption(option.label("only nodes with this label"))
    .addOption(option.constraint())
    .addOption(option.tolerate())
    .addOption(option.near())
    .addOption(option.apart())
    .addOption(option.prefer())
    .addOption(option.preferNear())
    .addOption(option.preferApart())
    .addOption(option.spread())
    .addOption(option.strategy())
    .option(
      "--nodes-limit <n>",
      "most workloads of the entrypoint on one node, old ones included; with fill and each the number of nodes (default: no limit)",
      parseWhole(1, countMax),
    )
    .addOption(option.env("environment variable"))
    .option("--no-wait-for-room", "refuse what fits nowhere now, instead of keeping it waiting for room")
    .addOption(option.waitDeadline())
    .addOption(option.priority())
    .addOption(option.preempt())
    .option("--dry-run", "show what would be decided now, and why; record nothing")
    .option("--save <file>", "with --dry-run: keep the plan, for `eru plan apply`")
    .addOption(option.wait().conflicts("dryRun"))
    .addOption(option.timeout())
    .action((app: string, options: DeployOptions) =>
      withZone(cli, options, (api) => {
        forDryRuns(options);
        if (options.dryRun) return plan(cli, api, app, options);
        if (options.save === undefined) return deploy(cli, api, app, options);
        throw new CliError(exitCodes.usage, "--save keeps what a dry run answers: add --dry-run");
      }),
    );
  for (const wish of [...wishOptions(), offlineOption.log(), offlineOption.at()]) command.addOption(wish);
}

function bodyOf(app: string, options: DeployOptions) {
  const { entrypoint, release, pod, count, cpu, memory, env, strategy, nodesLimit } = options;
  const { near = [], apart = [], preferNear = [], preferApart = [] } = options;
  const affinity = [...near, ...apart, ...preferNear, ...preferApart];
  return {
    app,
    entrypoint,
    pod,
    count,
    resources: wishOf(cpu, memory, options),
    ...(release !== undefined && { release }),
    ...(env && { env }),
    ...(strategy !== undefined && { strategy }),
    ...(nodesLimit !== undefined && { nodesLimit }),
    filter: {
      ...(options.include && { includes: options.include }),
      ...(options.exclude && { excludes: options.exclude }),
      ...(options.label && { labels: options.label }),
      ...(options.constraint && { constraints: options.constraint }),
      ...(options.tolerate && { tolerates: options.tolerate }),
      ...(affinity.length > 0 && { affinity }),
      ...(options.prefer && { prefer: options.prefer }),
      ...(options.spread && { spread: options.spread }),
    },
    onShortage: options.waitForRoom ? "wait" : "refuse",
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(options.preempt && { preempt: true }),
    ...(options.waitDeadline !== undefined && { waitDeadlineMs: options.waitDeadline }),
  };
}

async function deploy(cli: Cli, api: Api, app: string, options: DeployOptions): Promise<void> {
  await request(cli, api, bodyOf(app, options), options);
}

/** What of a request is named when it is taken. */
type Named = {
  app: string;
  entrypoint: string;
  pod: string;
  count: number;
  strategy?: string;
  resources?: DefaultResources | undefined;
  expect?: PlanExpectation;
};

/** Requests a deployment, from options or from a saved plan. */
export async function request(cli: Cli, api: Api, body: Named, options: WaitOptions): Promise<void> {
  const { app, pod, count, entrypoint, strategy } = body;
  const answer = await api.command("POST", "/v1/deployments", Requested, { body });
  const what = `${answer.deployment}: ${plural(count, "workload")}${perNode(strategy)} of ${app}/${entrypoint} wanted in pod ${pod}${defaulted(body.resources)}`;
  await followUp(cli, api, { answer, deployment: answer.deployment, text: what, options });
}

const perNode = (strategy: string | undefined): string =>
  strategy === "fill" || strategy === "each" ? " per node" : "";

/** What the count of a deployment is for. It is only a word: nothing fails when it cannot be known. */
async function perNodeOf(api: Api, deployment: string): Promise<string> {
  try {
    return perNode((await api.query(path`/v1/deployments/${deployment}`, Deployment)).strategy);
  } catch {
    return "";
  }
}

/** What is said of amounts that the app names and the command does not. */
function defaulted({ cpu, memoryMib }: DefaultResources = {}): string {
  const left = [cpu === undefined ? "cpu" : "", memoryMib === undefined ? "memory" : ""].filter(
    (one) => one !== "",
  );
  return left.length > 0 ? `, ${left.join(" and ")} as its app.yaml says` : "";
}

async function plan(cli: Cli, api: Api, app: string, options: DeployOptions): Promise<void> {
  const request = bodyOf(app, options);
  const query = { dryRun: true };
  const reply = await api.command("POST", "/v1/deployments", PlanReply, { body: request, query });
  if (reply.waiting > 0 && !options.waitForRoom) cli.exitCode = exitCodes.notTrue;
  if (options.save !== undefined) savePlan(cli, options.save, { request, reply });
  cli.answer(reply, () => `dry run, nothing recorded: ${planText(reply, request, cli.look)}`);
}

/** `scale <deployment> <count>`, in a group or at the top. */
export function addScale(cli: Cli, parent: Command): void {
  parent
    .command("scale")
    .description("change how many workloads a deployment wants")
    .argument("<deployment>")
    .argument("<count>", "number of workloads there shall be", parseWhole(0, countMax))
    .addOption(option.wait())
    .addOption(option.timeout())
    .action((deployment: string, count: number, options: WaitOptions) =>
      cli.withApi(async (api) => {
        const [answer, each] = await Promise.all([
          api.order("POST", path`/v1/deployments/${deployment}/scale`, { count }),
          perNodeOf(api, deployment),
        ]);
        const text = `${deployment}: ${plural(count, "workload")}${each} wanted`;
        await followUp(cli, api, { answer, deployment, text, options });
      }),
    );
}

/** `remove <deployment>`, in a group or at the top. */
export function addRemove(cli: Cli, parent: Command): void {
  parent
    .command("remove")
    .description("remove a deployment: its workloads drain, stop and go")
    .argument("<deployment>")
    .addOption(option.wait())
    .addOption(option.timeout())
    .action((deployment: string, options: WaitOptions) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/deployments/${deployment}`);
        await followUp(cli, api, {
          answer,
          deployment,
          text: `${deployment}: removal asked for`,
          options,
          goal: "removed",
        });
      }),
    );
}

type Asked = {
  answer: Recorded;
  deployment: string;
  text: string;
  options: WaitOptions;
  /** What is waited for; absent: that it runs as wished. */
  goal?: Goal;
};

/** Says what was recorded, or waits until it has come true. */
export async function followUp(
  cli: Cli,
  api: Api,
  { answer, deployment, text, options, goal = "running" }: Asked,
): Promise<void> {
  if (!options.wait) return await recorded(cli, api, answer, text);
  cli.say(`${text}\n`);
  await waitFor(cli, api, {
    answer,
    deployment,
    goal,
    timeoutMs: options.timeout,
  });
}
