import type { Cli } from "../cli.ts";
import { showAge, showSpan } from "../quantities.ts";
import { moment } from "../render/event.ts";
import { resourcesText } from "../render/resources.ts";
import { setsText } from "../render/sets.ts";
import { type Column, details, table } from "../render/table.ts";
import { oneLine, type Tone } from "../render/text.ts";
import { Deployment, inOrder, Workload } from "../views.ts";
import { answerList, group, path } from "./common.ts";
import { addRemove, addScale } from "./deploy.ts";
import { option } from "./options.ts";
import { addPriority } from "./priority.ts";
import { addDeploymentRealloc } from "./realloc.ts";
import { addUpgrade } from "./upgrade.ts";
import { workloadColumns } from "./workload.ts";

/** `eru deployment`. */
export function addDeployment(cli: Cli): void {
  const deployment = group(cli, "deployment", "standing wishes for workloads");
  deployment
    .command("list")
    .alias("ls")
    .description("deployments that are there, or with --all also those removed")
    .option("--app <app>", "only of this app")
    .addOption(option.pod())
    .option("--state <state>", "only in this state")
    .option("--all", "also those removed")
    .action(({ app, pod, state, all }: { app?: string; pod?: string; state?: string; all?: true }) =>
      cli.withApi(async (api) => {
        const query = { app, pod, state: state ?? (all && "all") };
        const deployments = await api.list("/v1/deployments", Deployment, query);
        const empty = "there are no deployments: make one with `eru deploy <app>`";
        answerList(cli, deployments, deploymentColumns(cli), empty);
      }),
    );
  deployment
    .command("show")
    .description("one deployment with its workloads")
    .argument("<deployment>")
    .action((id: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/deployments/${id}`, Deployment);
        const workloads = inOrder(await api.list("/v1/workloads", Workload, { deployment: id }));
        cli.answer({ deployment: one, workloads }, () => showText(cli, one, workloads));
      }),
    );
  addScale(cli, deployment);
  addUpgrade(cli, deployment);
  addDeploymentRealloc(cli, deployment);
  addPriority(cli, deployment);
  addRemove(cli, deployment);
}

const turnText = ({ priority, waitDeadlineMs, preempt }: Deployment): string =>
  [
    String(priority),
    ...(preempt ? ["may displace those of a lower one"] : []),
    ...(waitDeadlineMs === null ? [] : [`waits for room at most ${showSpan(waitDeadlineMs)}`]),
  ].join(", ");

const tones: Readonly<Record<string, Tone>> = {
  running: "good",
  placing: "busy",
  upgrading: "busy",
  paused: "busy",
  canary: "busy",
  rolling_back: "bad",
  waiting: "bad",
  refused: "bad",
  degraded: "bad",
  halted: "bad",
  removing: "faint",
  removed: "faint",
};

/** How deployments are listed. */
export const deploymentColumns = (cli: Cli): readonly Column<Deployment>[] => [
  { title: "deployment", cell: ({ deployment }) => deployment },
  { title: "pod", cell: ({ pod }) => pod },
  { title: "release", cell: ({ release }) => release, flexible: true },
  { title: "state", cell: ({ state }) => state, tone: ({ state }) => tones[state] },
  { title: "healthy", cell: ({ counts }) => `${counts.healthy}/${counts.wanted}`, align: "right" },
  {
    title: "age",
    cell: ({ requestedAt }) => showAge(cli.io.now() - Date.parse(requestedAt)),
    align: "right",
  },
  { title: "why", cell: ({ reason }) => reason ?? "", flexible: true },
];

function showText(cli: Cli, one: Deployment, workloads: readonly Workload[]): string {
  const { resources, counts } = one;
  const { wanted, waiting, refused } = counts;
  const lines = details(
    [
      ["deployment", one.deployment],
      ["runs", `${one.app}/${one.entrypoint}, release ${one.release}, image ${one.image}`],
      ["pod", one.pod],
      ["state", cli.look.paint(tones[one.state], one.state)],
      ["because", one.reason === null ? undefined : oneLine(one.reason)],
      [
        "workloads",
        `${wanted} wanted, ${counts.placed} placed, ${counts.healthy} healthy` +
          `${waiting > 0 ? `, ${waiting} waiting for room` : ""}${refused > 0 ? `, ${refused}${one.sets ? " per node" : ""} refused` : ""}`,
      ],
      ["each", resourcesText(resources)],
      ["strategy", one.strategy],
      ["sets", one.sets ? setsText(one.sets) : undefined],
      ["priority", turnText(one)],
      ["asked for", `${moment(one.requestedAt)} by ${one.requestedBy}`],
    ],
    cli.look,
  );
  return workloads.length === 0 ? lines : `${lines}\n${table(workloadColumns(cli), workloads, cli.look)}`;
}
