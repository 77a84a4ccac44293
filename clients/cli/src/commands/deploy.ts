import { type Affinity, type Constraint, PlanReply, type Preference, type Spread } from "@eru/events";
import type { Command } from "commander";
import { z } from "zod";
import { type Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { exitCodes } from "../errors.ts";
import type { Goal } from "../progress.ts";
import { parseWhole } from "../quantities.ts";
import { reasonsText } from "../render/reasons.ts";
import { risksText } from "../render/rollout.ts";
import { table } from "../render/table.ts";
import { plural } from "../render/text.ts";
import { type WishOptions, wishOf, wishOptions } from "../resource-options.ts";
import { waitFor } from "../wait.ts";
import { path, recorded } from "./common.ts";
import { countMax, option } from "./options.ts";

const Requested = z.looseObject({ ...Recorded.shape, deployment: z.string() });

/** Whether and how long to wait. */
export type WaitOptions = { wait?: true; timeout: number };
type DeployOptions = WaitOptions &
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
    dryRun?: true;
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
    .addOption(option.cpu("CPU to book per workload, as 0.1 or 100m").makeOptionMandatory())
    .addOption(option.memory("memory to book per workload, as 32M or 1.5G").makeOptionMandatory())
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
      "most workloads of the entrypoint on one node, old ones included (default: no limit)",
      parseWhole(1, countMax),
    )
    .addOption(option.env("environment variable"))
    .option("--no-wait-for-room", "refuse what fits nowhere now, instead of keeping it waiting for room")
    .option("--dry-run", "show what would be decided now, and why; record nothing")
    .addOption(option.wait().conflicts("dryRun"))
    .addOption(option.timeout())
    .action((app: string, options: DeployOptions) =>
      cli.withApi((api) => (options.dryRun ? plan(cli, api, app, options) : deploy(cli, api, app, options))),
    );
  for (const wish of wishOptions()) command.addOption(wish);
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
  };
}

async function deploy(cli: Cli, api: Api, app: string, options: DeployOptions): Promise<void> {
  const { pod, count, entrypoint } = options;
  const answer = await api.command("POST", "/v1/deployments", Requested, { body: bodyOf(app, options) });
  const what = `${answer.deployment}: ${plural(count, "workload")} of ${app}/${entrypoint} wanted in pod ${pod}`;
  await followUp(cli, api, { answer, deployment: answer.deployment, text: what, options });
}

async function plan(cli: Cli, api: Api, app: string, options: DeployOptions): Promise<void> {
  const answer = await api.command("POST", "/v1/deployments", PlanReply, {
    body: bodyOf(app, options),
    query: { dryRun: true },
  });
  const { placed, waiting, reasons, risks } = answer;
  const fitting = placed.reduce((sum, { count }) => sum + count, 0);
  const rest = options.waitForRoom ? "would wait for room" : "would be refused";
  if (waiting > 0 && !options.waitForRoom) cli.exitCode = exitCodes.notTrue;
  cli.answer(answer, () =>
    [
      `dry run, nothing recorded: ${plural(fitting, "workload")} would be placed${waiting > 0 ? `, ${waiting} ${rest}` : ""}\n`,
      // The reasons name a bounded number of nodes; a plan names all it would use.
      placed.length > reasons.scores.length ? `\n${table(planColumns, placed, cli.look)}` : "",
      `\n${reasonsText(reasons, cli.look)}`,
      risksText(risks, "later changes of it would not be without downtime"),
    ].join(""),
  );
}

/** Nodes with how many workloads each would get. */
export const planColumns = [
  { title: "node", cell: (row: { node: string }) => row.node },
  { title: "workloads", cell: (row: { count: number }) => row.count, align: "right" as const },
];

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
        const answer = await api.order("POST", path`/v1/deployments/${deployment}/scale`, { count });
        await followUp(cli, api, {
          answer,
          deployment,
          text: `${deployment}: ${plural(count, "workload")} wanted`,
          options,
        });
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
