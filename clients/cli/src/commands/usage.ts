import { UsageReply } from "@eru/events";
import { Option } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { exitCodes } from "../errors.ts";
import { usageText } from "../render/usage.ts";
import { Node, Pod } from "../views.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";

type Options = { pod?: string; node?: string; fix?: true };

/** `eru usage`. */
export function addUsage(cli: Cli): void {
  cli.program
    .command("usage")
    .description(
      "what is used of nodes in three accounts: the scheduler's, the whole log's, the nodes' own; and what differs",
    )
    .addOption(option.pod("only this pod (default: every pod)"))
    .addOption(new Option("--node <node>", "only this node").conflicts("pod"))
    .option("--fix", "record what differs, and put right what can be put right")
    .action((options: Options) => cli.withApi((api) => usage(cli, api, options)));
}

async function usage(cli: Cli, api: Api, { pod, node, fix }: Options): Promise<void> {
  const found: UsageReply[] = [];
  for (const name of await podsOf(api, pod, node))
    found.push(await api.ask(path`/v1/pods/${name}/usage`, UsageReply, { node }));
  const bad = found.filter(differs);
  if (bad.length > 0) cli.exitCode = exitCodes.notTrue;
  if (!fix) {
    cli.answer(found, () => text(cli, found));
    return;
  }
  cli.say(text(cli, found));
  if (found.every(agrees)) {
    cli.answer({ changed: false, usage: found }, () => "nothing differs: nothing is recorded\n");
    return;
  }
  for (const { pod: name } of found.filter((one) => !agrees(one))) {
    const answer = await api.order("POST", path`/v1/pods/${name}/usage/fix`, node ? { node } : {});
    const done = answer.changed
      ? `what differs in pod ${name} is recorded at sequence ${answer.seq} and being put right: \`eru usage\` tells whether it is`
      : `nothing differs in pod ${name} any more`;
    if (answer.changed) await recorded(cli, api, answer, done);
    else cli.answer(answer, () => `${done}\n`);
  }
}

async function podsOf(api: Api, pod: string | undefined, node: string | undefined): Promise<string[]> {
  if (pod !== undefined) return [pod];
  if (node !== undefined) return [(await api.query(path`/v1/nodes/${node}`, Node)).pod];
  return (await api.list("/v1/pods", Pod)).map((one) => one.pod);
}

const agrees = ({ differing, schedulerReplaced }: UsageReply): boolean =>
  differing === 0 && schedulerReplaced === undefined;
const differs = (reply: UsageReply): boolean => !agrees(reply) || reply.unanswered > 0;

const text = (cli: Cli, all: readonly UsageReply[]): string =>
  all.length === 0
    ? "there is no pod yet: `eru pod add`\n"
    : all.map((one) => usageText(one, cli.look)).join("\n");
