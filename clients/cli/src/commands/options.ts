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
import { collectAffinity, collectPreference, parseSpread } from "../where.ts";

/** The most workloads a deployment may ask for, as the server has it. */
export const countMax = 1_000_000;

/** No log is longer. */
export const seqMax = 2 ** 40;

/** The strategies there are. */
const strategies: readonly string[] = Strategy.options;

/** How long `--wait` waits when it is not told. */
const waitTimeoutMs = 60_000;

/** Options that several commands have, with their parsers. */
export const option = {
  pod: (description = "only this pod") => new Option("--pod <pod>", description),
  count: () =>
    new Option("--count <n>", "number of workloads, with fill and each on every chosen node").argParser(
      parseWhole(0, countMax),
    ),
  cpu: (description: string) => new Option("--cpu <cores>", description).argParser(parseCpu),
  memory: (description: string) => new Option("--memory <amount>", description).argParser(parseMemory),
  env: (description: string) =>
    new Option("--env <KEY=value>", `${description}; repeatable`).argParser(collectPair),
  label: (description: string) =>
    new Option("--label <key=value>", `${description}; repeatable`).argParser(collectPair),
  strategy: () =>
    new Option(
      "--strategy <strategy>",
      "how to share out workloads over nodes, or with fill and each how many on every node (default: auto)",
    ).choices(strategies),
  constraint: () =>
    new Option(
      "--constraint <condition>",
      "only nodes whose labels meet it, as 'zone in a,b', 'zone not in a,b', 'gpu exists', 'gpu not exists', 'cores > 7', 'cores < 64' or 'kernel >= 6.10'; repeatable",
    ).argParser(collectConstraint),
  tolerate: () =>
    new Option(
      "--tolerate <taint>",
      "taint (a label taint/<name> of nodes) that does not matter, * for all; repeatable",
    ).argParser(collectNames),
  near: () =>
    new Option(
      "--near <app>",
      "only on nodes with workloads of an app, as db or shop/cache; with ~label, on nodes that share it, as db~zone; repeatable",
    ).argParser(collectAffinity("must")),
  apart: () =>
    new Option("--apart <app>", "only on nodes without workloads of it, as --near; repeatable").argParser(
      collectAffinity("must_not"),
    ),
  preferNear: () =>
    new Option(
      "--prefer-near <app>",
      "nodes with workloads of it come first, as --near, with =weight if wished; repeatable",
    ).argParser(collectAffinity("prefer")),
  preferApart: () =>
    new Option(
      "--prefer-apart <app>",
      "nodes with workloads of it come last, as --prefer-near; repeatable",
    ).argParser(collectAffinity("avoid")),
  prefer: () =>
    new Option(
      "--prefer <condition>",
      "nodes whose labels meet it come first, as --constraint, with =weight if wished; repeatable",
    ).argParser(collectPreference),
  spread: () =>
    new Option(
      "--spread <label>",
      "share out evenly over the values of a label, as zone, or by weight, as zone:a=2,b=1",
    ).argParser(parseSpread),
  priority: () =>
    new Option(
      "--priority <n>",
      "0 to 100: of those that want the same room the higher gets it first (default: 50)",
    ).argParser(parseWhole(0, 100)),
  preempt: () =>
    new Option(
      "--preempt",
      "when nothing fits, displace workloads of deployments with a lower priority: the fewest, the lowest, the youngest",
    ),
  waitDeadline: () =>
    new Option(
      "--wait-deadline <time>",
      "refuse what has found no room after this time, as 10m (default: it waits without end)",
    ).argParser(parseDuration),
  names: (flags: string, description: string) =>
    new Option(flags, `${description}; repeatable`).argParser(collectNames),
  port: () =>
    new Option("--port <port>", "published port to send to (default: the entrypoint's first)").argParser(
      parseWhole(1, 65_535),
    ),
  onFailure: () =>
    new Option(
      "--on-failure <what>",
      "when a new one fails or is late: back to what ran before, or halt (default: rollback)",
    ).choices(["rollback", "halt"]),
  wait: () => new Option("--wait", "wait until it is so, and show how it goes"),
  timeout: () =>
    new Option("--timeout <time>", "longest wait, as 90s or 2m")
      .argParser(parseDuration)
      .default(waitTimeoutMs, "60s"),
} as const;
