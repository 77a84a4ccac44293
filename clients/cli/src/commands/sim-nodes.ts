import { NodeName } from "@eru/events";
import { InvalidArgumentError, Option } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseDuration, parseMemory, parseWhole } from "../quantities.ts";
import { Node } from "../views.ts";
import { path } from "./common.ts";
import { type HomeOption, homeFlags, homeOf, withLocal } from "./installation.ts";
import { option } from "./options.ts";

const nodesMax = 20_000;
/** Commands under way at once while nodes are added or removed. */
const commandsMax = 16;

type Options = HomeOption & {
  pod: string;
  prefix: string;
  cpu: string;
  memory: string;
  start: string;
  failures: number;
  seed: number;
  remove?: true;
};

/** `eru sim-nodes`: thousands of nodes without machines, to try and to size an installation. */
export function addSimNodes(cli: Cli): void {
  cli.program
    .command("sim-nodes")
    .description(
      "run nodes that are not there: the real agent over engines in memory, to see what this installation can carry; until Ctrl-C",
    )
    .argument("<count>", "how many", parseWhole(0, nodesMax))
    .addOption(option.pod("pod they are added to; keep real nodes out of it").makeOptionMandatory())
    .option("--prefix <name>", "they are named <name>-1 and so on", parsePrefix, "sim")
    .addOption(
      new Option("--cpu <cores>", "cores of a machine, as 16, or 8-64 to vary")
        .argParser(range(whole))
        .default("16-16", "16"),
    )
    .addOption(
      new Option("--memory <amount>", "memory of a machine, as 64G, or 16G-256G to vary")
        .argParser(range(parseMemory))
        .default("65536-65536", "64G"),
    )
    .addOption(
      new Option("--start <time>", "how long a container takes to start, as 200ms or 100ms-2s")
        .argParser(range(parseDuration))
        .default("100-400", "100ms-400ms"),
    )
    .option("--failures <part>", "part of all starts that fail, as 0.01", parsePart, 0)
    .option("--seed <n>", "the same seed makes the same machines", parseWhole(0, 2 ** 31), 1)
    .option("--remove", "remove the nodes of that prefix from the pod instead, with whatever runs there")
    .option(...homeFlags)
    .action((count: number, options: Options) =>
      cli.withApi((api) =>
        options.remove ? removeAll(cli, api, options) : runThem(cli, api, count, options),
      ),
    );
}

async function runThem(cli: Cli, api: Api, count: number, options: Options): Promise<void> {
  if (count === 0)
    throw new CliError(exitCodes.usage, "0 nodes are nothing to run: name how many, or --remove");
  const { pod, prefix, failures, seed } = options;
  const known = await named(api, options);
  const wanted = Array.from({ length: count }, (_, at) => `${prefix}-${at + 1}`);
  const fresh = wanted.filter((node) => !known.has(node));
  await inTurns(fresh, async (node) => {
    await api.order("POST", "/v1/nodes", { name: node, pod });
  });
  cli.say(
    `${count} nodes ${prefix}-1 to ${prefix}-${count} are in pod ${pod}, ${fresh.length} of them new\n`,
  );
  await withLocal(async ({ simNodes, defaultHome }) => {
    const home = homeOf(cli, options, defaultHome(cli.io.env));
    const wish = {
      count,
      prefix,
      failures,
      seed,
      cpus: options.cpu,
      memoryMib: options.memory,
      startMs: options.start,
    };
    await simNodes(home, wish, { tell: (text) => cli.say(`${text}\n`), signal: cli.io.signal });
  });
}

async function removeAll(cli: Cli, api: Api, options: Options): Promise<void> {
  const known = [...(await named(api, options))];
  await inTurns(known, async (node) => {
    await api.order("DELETE", path`/v1/nodes/${node}`, undefined, { force: true });
  });
  cli.answer({ removed: known }, () => `${known.length} nodes removed from pod ${options.pod}\n`);
}

/** Nodes of the pod that have a name of ours. */
async function named(api: Api, { pod, prefix }: Options): Promise<Set<string>> {
  const ours = new RegExp(`^${prefix}-[1-9][0-9]*$`);
  const nodes = await api.list("/v1/nodes", Node, { pod });
  return new Set(nodes.map(({ node }) => node).filter((node) => ours.test(node)));
}

/** A few at a time. The first failure ends it. */
async function inTurns(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const left = names.values();
  const worker = async () => {
    for (const name of left) await work(name);
  };
  await Promise.all(Array.from({ length: commandsMax }, worker));
}

function parsePrefix(text: string): string {
  const parsed = NodeName.max(56).safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}.`);
  return text;
}

function parsePart(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 1) throw new InvalidArgumentError("Write a number from 0 to 1.");
  return value;
}

const whole = parseWhole(1, 1_024);

/** `a` or `a-b`, each read by its parser, as the same in plain numbers. */
const range =
  (parse: (text: string) => number) =>
  (text: string): string => {
    const [least = 0, most = least] = text.split("-", 2).map(parse);
    if (most < least) throw new InvalidArgumentError("Write the lesser number first.");
    return `${least}-${most}`;
  };
