import { setTimeout as sleep } from "node:timers/promises";
import { RebalanceGoal, RebalanceReply, rebalanceMovesMax } from "@eru/events";
import { Option } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { forDryRuns, type OfflineOptions, offlineOption, withZone } from "../offline.ts";
import { parseWhole, showSpan } from "../quantities.ts";
import { howFar, movesText, planText } from "../render/rebalance.ts";
import { readRebalance, saveRebalance } from "../saved-rebalance.ts";
import { Rebalance, RebalanceDetail } from "../views.ts";
import { answerList, path, recorded } from "./common.ts";
import { option } from "./options.ts";

/** Between two looks at a rebalancing, in milliseconds. */
const lookMs = 500;

type Options = OfflineOptions & {
  goal?: RebalanceGoal;
  moves?: number;
  dryRun?: true;
  save?: string;
  plan?: string;
  list?: true;
  show?: true;
  wait?: true;
  timeout: number;
};

/** `eru rebalance`. */
export function addRebalance(cli: Cli): void {
  cli.program
    .command("rebalance")
    .description("move workloads of a pod to better places, start-first and within a budget")
    .argument("<pod>")
    .addOption(
      new Option(
        "--goal <goal>",
        "even: spread as strategies would now, then nodes about as full as each other (default); empty: as many nodes as possible with nothing on them",
      ).choices(RebalanceGoal.options),
    )
    .addOption(
      new Option("--moves <n>", "move no more workloads than this (default: 20)").argParser(
        parseWhole(1, rebalanceMovesMax),
      ),
    )
    .option("--dry-run", "show what would be moved and what is gained; record nothing")
    .option("--save <file>", "with --dry-run: keep the plan, for --plan")
    .option(
      "--plan <file>",
      "move as planned; refused, with the difference, when other moves would be chosen now",
    )
    .addOption(new Option("--list", "the rebalancings there were").conflicts(["dryRun", "plan", "show"]))
    .addOption(
      new Option("--show", "the last rebalancing, move by move").conflicts(["dryRun", "plan", "list"]),
    )
    .addOption(option.wait().conflicts(["dryRun", "list", "show"]))
    .addOption(option.timeout())
    .addOption(offlineOption.log())
    .addOption(offlineOption.at())
    .action((pod: string, options: Options) =>
      withZone(cli, options, async (api) => {
        forDryRuns(options);
        if (options.save !== undefined && !options.dryRun)
          throw new CliError(exitCodes.usage, "--save goes with --dry-run");
        if (options.plan !== undefined && (options.dryRun || options.goal || options.moves))
          throw new CliError(
            exitCodes.usage,
            "--plan says the goal and the moves: give nothing else with it",
          );
        if (options.list) await list(cli, api, pod);
        else if (options.show) await show(cli, api, pod);
        else if (options.dryRun) await dryRun(cli, api, pod, options);
        else await rebalance(cli, api, pod, options);
      }),
    );
}

const bodyOf = ({ goal, moves }: Pick<Options, "goal" | "moves">) => ({
  ...(goal && { goal }),
  ...(moves !== undefined && { movesMax: moves }),
});

async function dryRun(cli: Cli, api: Api, pod: string, options: Options): Promise<void> {
  const body = bodyOf(options);
  const plan = await api.command("POST", path`/v1/pods/${pod}/rebalance`, RebalanceReply, {
    body,
    query: { dryRun: true },
  });
  cli.answer(plan, () => `dry run, nothing recorded: ${planText(plan, cli.look)}`);
  if (options.save !== undefined) saveRebalance(cli, options.save, { pod, request: body, reply: plan });
}

async function rebalance(cli: Cli, api: Api, pod: string, options: Options): Promise<void> {
  const body = options.plan === undefined ? bodyOf(options) : readRebalance(cli, options.plan, pod);
  const answer = await api.order("POST", path`/v1/pods/${pod}/rebalance`, body);
  if (!answer.changed)
    cli.answer(answer, () => `nothing of pod ${pod} would lie better elsewhere: nothing is moved\n`);
  else if (options.wait) await untilOver(cli, api, { seq: answer.seq, timeoutMs: options.timeout });
  else
    await recorded(
      cli,
      api,
      answer,
      `workloads of pod ${pod} are moving: \`eru rebalance ${pod} --show\` says how far it is`,
    );
}

async function list(cli: Cli, api: Api, pod: string): Promise<void> {
  const all = await api.list("/v1/rebalances", Rebalance, { pod });
  answerList(cli, all, columns, `pod ${pod} was never rebalanced: \`eru rebalance ${pod} --dry-run\``);
}

async function show(cli: Cli, api: Api, pod: string): Promise<void> {
  const [last] = await api.list("/v1/rebalances", Rebalance, { pod });
  if (!last) {
    cli.answer([], () => `pod ${pod} was never rebalanced: \`eru rebalance ${pod} --dry-run\`\n`);
    return;
  }
  const found = await api.query(path`/v1/rebalances/${String(last.rebalance)}`, RebalanceDetail);
  cli.answer(found, () => movesText(found, cli.look));
}

const columns = [
  { title: "asked at", cell: ({ requestedAt }: Rebalance) => requestedAt },
  { title: "by", cell: ({ requestedBy }: Rebalance) => requestedBy },
  { title: "goal", cell: ({ goal }: Rebalance) => goal },
  { title: "how far", cell: howFar, flexible: true },
] as const;

/** Waits until every move is made or cannot be, and says how it goes whenever that changes. */
async function untilOver(
  cli: Cli,
  api: Api,
  { seq, timeoutMs }: { seq: number; timeoutMs: number },
): Promise<void> {
  const begun = performance.now();
  let said = "";
  for (let after: number | undefined = seq; ; after = undefined) {
    const now = await api.query(path`/v1/rebalances/${String(seq)}`, RebalanceDetail, { after });
    const done = now.waiting + now.moving === 0;
    if (done || performance.now() - begun >= timeoutMs) {
      if (now.moved < now.moves) cli.exitCode = exitCodes.notTrue;
      cli.answer({ outcome: done ? "over" : "late", ...now }, () => movesText(now, cli.look));
      if (!done) cli.say(`eru: not over after ${showSpan(timeoutMs)}, and it goes on\n`);
      return;
    }
    const text = howFar(now);
    if (text !== said) cli.say(`${text}\n`);
    said = text;
    await sleep(lookMs, undefined, { signal: api.signal });
  }
}
