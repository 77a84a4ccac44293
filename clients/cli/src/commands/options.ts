import { Strategy } from "@eru/events";
import { Option } from "commander";
import { collectConstraint } from "../constraint.ts";
import {
  collectNames,
  collectPair,
  parseCpu,
  parseDuration,
  parseMemory,
  parseWhole,
} from "../quantities.ts";

/** The most workloads a deployment may ask for, as the server has it. */
export const countMax = 1_000_000;

/** The strategies there are. */
const strategies: readonly string[] = Strategy.options;

/** How long `--wait` waits when it is not told. */
const waitTimeoutMs = 60_000;

/** Options that several commands have, with their parsers. */
export const option = {
  pod: (description = "only this pod") => new Option("--pod <pod>", description),
  count: () => new Option("--count <n>", "number of workloads").argParser(parseWhole(0, countMax)),
  cpu: (description: string) => new Option("--cpu <cores>", description).argParser(parseCpu),
  memory: (description: string) => new Option("--memory <amount>", description).argParser(parseMemory),
  env: (description: string) =>
    new Option("--env <KEY=value>", `${description}; repeatable`).argParser(collectPair),
  label: (description: string) =>
    new Option("--label <key=value>", `${description}; repeatable`).argParser(collectPair),
  strategy: () =>
    new Option("--strategy <strategy>", "how to share out workloads over nodes (default: auto)").choices(
      strategies,
    ),
  constraint: () =>
    new Option(
      "--constraint <condition>",
      "only nodes whose labels meet it, as 'zone in a,b', 'zone not in a,b', 'gpu exists', 'gpu not exists', 'cores > 7', 'cores < 64' or 'kernel >= 6.10'; repeatable",
    ).argParser(collectConstraint),
  names: (flags: string, description: string) =>
    new Option(flags, `${description}; repeatable`).argParser(collectNames),
  port: () =>
    new Option("--port <port>", "published port to send to (default: the entrypoint's first)").argParser(
      parseWhole(1, 65_535),
    ),
  wait: () => new Option("--wait", "wait until it is so, and show how it goes"),
  timeout: () =>
    new Option("--timeout <time>", "longest wait, as 90s or 2m")
      .argParser(parseDuration)
      .default(waitTimeoutMs, "60s"),
} as const;
