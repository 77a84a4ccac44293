import type { Cli } from "../cli.ts";
import { showAge, showSpan } from "../quantities.ts";
import { moment } from "../render/event.ts";
import { stateTone, stateWord } from "../render/progress.ts";
import { grantedText, resourcesText } from "../render/resources.ts";
import { type Column, details } from "../render/table.ts";
import { oneLine } from "../render/text.ts";
import { inOrder, Workload } from "../views.ts";
import { answerList, group, path } from "./common.ts";
import { addDissociation, dissociatedColumns } from "./dissociate.ts";
import { addWorkloadRealloc } from "./realloc.ts";
import { addChanges, stepWords } from "./workload-change.ts";

type ListOptions = {
  deployment?: string;
  node?: string;
  app?: string;
  state?: string;
  all?: true;
  dissociated?: true;
};

/** `eru workload`. */
export function addWorkload(cli: Cli): void {
  const workload = group(cli, "workload", "placed instances of an entrypoint");
  workload
    .command("list")
    .alias("ls")
    .description("workloads that are there, or with --all also those removed")
    .option("--deployment <deployment>", "only of this deployment")
    .option("--node <node>", "only on this node")
    .option("--app <app>", "only of this app")
    .option("--state <state>", "only in this state")
    .option("--all", "also those removed and those dissociated")
    .option("--dissociated", "those that left Eru with their containers: since when, and who asked for it")
    .action(({ all, state, dissociated, ...query }: ListOptions) =>
      cli.withApi(async (api) => {
        const workloads = inOrder(
          await api.list("/v1/workloads", Workload, {
            ...query,
            state: dissociated ? "dissociated" : (state ?? (all && "all")),
          }),
        );
        const columns = dissociated ? dissociatedColumns(cli) : workloadColumns(cli);
        answerList(cli, workloads, columns, "there are no such workloads");
      }),
    );
  workload
    .command("show")
    .description("one workload in detail")
    .argument("<workload>")
    .action((id: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/workloads/${id}`, Workload);
        cli.answer(one, () => details(workloadDetails(cli, one), cli.look));
      }),
    );
  addChanges(cli, workload);
  addDissociation(cli, workload);
  addWorkloadRealloc(cli, workload);
}

/** How workloads are listed. */
export const workloadColumns = (cli: Cli): readonly Column<Workload>[] => [
  { title: "workload", cell: ({ workload }) => workload },
  { title: "release", cell: ({ release }) => release, flexible: true },
  { title: "node", cell: ({ node }) => node },
  { title: "state", cell: ({ state }) => stateWord(state), tone: ({ state }) => stateTone(state) },
  { title: "age", cell: ({ placedAt }) => showAge(cli.io.now() - Date.parse(placedAt)), align: "right" },
  { title: "starts", cell: ({ attempt }) => attempt, align: "right" },
  { title: "last error", cell: ({ lastError }) => lastError ?? undefined, flexible: true },
];

function workloadDetails(cli: Cli, one: Workload) {
  const { resources, endpoints, lastError, exitCode, retryInMs, placedAt, healthyAt } = one;
  const reached = endpoints.map(
    ({ port, ip, hostPort }) => `${ip}:${hostPort}${hostPort === port ? "" : ` (${port} inside)`}`,
  );
  return [
    ["workload", one.workload],
    ["state", cli.look.paint(stateTone(one.state), stateWord(one.state))],
    ["node", `${one.node} in pod ${one.pod}`],
    ["runs", `release ${one.release}${one.image === null ? "" : `, image ${one.image}`}`],
    ["books", resourcesText(resources)],
    ["has", grantedText(one.granted)],
    ["reached at", reached.join(", ") || undefined],
    ["container", one.containerId ?? undefined],
    ["starts", String(one.attempt)],
    ["placed", `${moment(placedAt)}${one.placedBecause === null ? "" : ` (${one.placedBecause})`}`],
    [
      "healthy",
      healthyAt === null
        ? undefined
        : `${moment(healthyAt)}, ${showSpan(Date.parse(healthyAt) - Date.parse(placedAt))} after`,
    ],
    ["last change", one.change === null ? undefined : stepWords(one)],
    ["leaving", one.leavingBecause === null ? undefined : `because ${one.leavingBecause}`],
    [
      "dissociated",
      one.dissociatedAt === null
        ? undefined
        : `${moment(one.dissociatedAt)} by ${one.dissociatedBy ?? "somebody"}: its container is not watched, routed or booked`,
    ],
    ["removed", one.removedAt === null ? undefined : moment(one.removedAt)],
    ["last error", lastError === null ? undefined : oneLine(lastError)],
    ["exit code", exitCode === null ? undefined : String(exitCode)],
    ["next start", retryInMs === null ? undefined : `${showSpan(retryInMs)} after that`],
  ] as const;
}
