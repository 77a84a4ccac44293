import type { Command } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import type { Goal } from "../progress.ts";
import { parseWhole, showAge } from "../quantities.ts";
import { changeText, rolloutText, rolloutTone, rolloutWord } from "../render/rollout.ts";
import type { Column } from "../render/table.ts";
import { Rollout, RolloutDetail } from "../views.ts";
import { answerList, group, path } from "./common.ts";
import { followUp, type WaitOptions } from "./deploy.ts";
import { option } from "./options.ts";
import { addSettings, type SettingOptions, settingsBody } from "./upgrade.ts";

type ListOptions = { all?: true; deployment?: string; app?: string; pod?: string; state?: string };

/** `eru rollout`. */
export function addRollout(cli: Cli): void {
  const rollout = group(cli, "rollout", "upgrades of deployments, from the request to their end");
  rollout
    .command("list")
    .alias("ls")
    .description("rollouts under way, or with --all also those that are over; the newest first")
    .option("--deployment <deployment>", "only of this deployment")
    .option("--app <app>", "only of this app")
    .addOption(option.pod())
    .option("--state <state>", "only in this state")
    .option("--all", "also those that are over")
    .action(({ all, state, ...query }: ListOptions) =>
      cli.withApi(async (api) => {
        const which = state ?? (all ? "all" : "underway");
        const rollouts = await api.list("/v1/rollouts", Rollout, { ...query, state: which });
        const empty = `there are no rollouts${all ? "" : " under way: see those that are over with --all"}`;
        answerList(cli, rollouts, columns(cli), empty);
      }),
    );
  rollout
    .command("show")
    .description("a rollout step by step, and why it stopped")
    .argument("<deployment>")
    .option("--number <n>", "which one (default: the last)", parseWhole(1, Number.MAX_SAFE_INTEGER))
    .action((deployment: string, { number }: { number?: number }) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/rollouts/${deployment}`, RolloutDetail, { number });
        cli.answer(one, () => rolloutText(one, cli.look, cli.io.now()));
      }),
    );
  addWords(cli, rollout);
  addRollback(cli, rollout);
}

const columns = (cli: Cli): readonly Column<Rollout>[] => [
  { title: "deployment", cell: ({ deployment }) => deployment },
  { title: "rollout", cell: ({ number }) => number, align: "right" },
  { title: "changes", cell: changeText, flexible: true },
  { title: "state", cell: ({ state }) => rolloutWord(state), tone: ({ state }) => rolloutTone(state) },
  { title: "new", cell: ({ fresh }) => fresh, align: "right" },
  { title: "old", cell: ({ stale }) => stale, align: "right" },
  {
    title: "age",
    cell: ({ requestedAt }) => showAge(cli.io.now() - Date.parse(requestedAt)),
    align: "right",
  },
  { title: "why", cell: ({ reason }) => reason ?? "", flexible: true },
];

const words: readonly { word: string; does: string; text: string; goal: Goal }[] = [
  {
    word: "resume",
    does: "go on after a pause, or try again after a failure that halted it",
    text: "the rollout goes on",
    goal: "upgraded",
  },
  {
    word: "promote",
    does: "the canary is good: replace the rest",
    text: "the rest is replaced",
    goal: "upgraded",
  },
  {
    word: "abort",
    does: "go back to what ran before, without taking anything away before that serves",
    text: "the rollout goes back",
    goal: "rolled_back",
  },
];

function addWords(cli: Cli, rollout: Command): void {
  rollout
    .command("pause")
    .description("place and take away nothing more; the count is kept")
    .argument("<deployment>")
    .action((deployment: string) =>
      cli.withApi((api) => say(cli, api, { deployment, word: "pause", text: "the rollout is paused" })),
    );
  for (const { word, does, text, goal } of words)
    rollout
      .command(word)
      .description(does)
      .argument("<deployment>")
      .addOption(option.wait())
      .addOption(option.timeout())
      .action((deployment: string, options: WaitOptions) =>
        cli.withApi((api) => say(cli, api, { deployment, word, text, goal, options })),
      );
}

type Word = { deployment: string; word: string; text: string; goal?: Goal; options?: WaitOptions };

async function say(cli: Cli, api: Api, { deployment, word, text, goal, options }: Word): Promise<void> {
  const answer = await api.order("POST", `${path`/v1/deployments/${deployment}/rollout`}/${word}`);
  await followUp(cli, api, {
    answer,
    deployment,
    text: `${deployment}: ${text}`,
    options: options ?? { timeout: 0 },
    ...(goal && { goal }),
  });
}

function addRollback(cli: Cli, rollout: Command): void {
  const command = rollout
    .command("rollback")
    .description("undo the last completed rollout: release, environment, size and settings")
    .argument("<deployment>");
  addSettings(command).action((deployment: string, options: SettingOptions) =>
    cli.withApi(async (api) => {
      const body = settingsBody(options);
      const answer = await api.order("POST", path`/v1/deployments/${deployment}/rollback`, body);
      const text = `${deployment}: back to what ran before the last rollout`;
      await followUp(cli, api, { answer, deployment, text, options, goal: "upgraded" });
    }),
  );
}
