import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Status, UnitStatus } from "@eru/local";
import { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { findContext } from "../context.ts";
import { CliError, exitCodes } from "../errors.ts";
import { showAge } from "../quantities.ts";
import { stateWord } from "../render/progress.ts";
import { details, table } from "../render/table.ts";
import { plural, type Tone } from "../render/text.ts";
import { Zone } from "../views.ts";
import { contextInUse, type HomeOption, homeFlags, homeOf, withLocal } from "./installation.ts";

/** `eru status`. */
export function addStatus(cli: Cli): void {
  cli.program
    .command("status")
    .description("what runs here, and what there is in the zone; exit status 1 when something is down")
    .option(...homeFlags)
    .action((options: HomeOption) =>
      withLocal(async ({ status, defaultHome }) => {
        const home = homeOf(cli, options, contextHome(cli) ?? defaultHome(cli.io.env));
        const local = await status({ home });
        const own = options.home === undefined ? undefined : local.installation?.contextFile;
        const zone = await zoneOf(cli, own);
        // A context may be of servers elsewhere; then nothing has to run here.
        const well = local.phase === "up" || local.phase === "absent";
        if (!well || "error" in zone || zone.notReadyBecause !== null) cli.exitCode = exitCodes.notTrue;
        cli.answer({ local, zone }, () => `${localText(cli, local, "error" in zone)}${zoneText(cli, zone)}`);
      }),
    );
}

/** What there is in the zone of a context, or of the one in use; or why that cannot be told. */
async function zoneOf(cli: Cli, contextFile: string | undefined): Promise<Zone | { error: string }> {
  try {
    const context = findContext(cli.io, contextFile ?? cli.options.context);
    await using api = new Api(context, cli.io.signal);
    return await api.query("/v1/status", Zone);
  } catch (error) {
    if (error instanceof CliError) return { error: error.message };
    throw error;
  }
}

/** The directory of the context in use, when an installation lives there. */
function contextHome(cli: Cli): string | undefined {
  const context = cli.io.env["ERU_HOME"] ? undefined : contextInUse(cli);
  const home = context && dirname(context.source);
  return home !== undefined && existsSync(join(home, "plan.json")) ? home : undefined;
}

const phaseTones: Readonly<Record<UnitStatus["phase"], Tone>> = {
  ready: "good",
  starting: "busy",
  waiting: "busy",
  "backing-off": "bad",
  unready: "bad",
  ended: "bad",
  off: "faint",
};

function localText(cli: Cli, { phase, home, installation, units }: Status, alone: boolean): string {
  if (phase === "absent")
    return `there is no installation in ${home}${alone ? ": start one with `eru up`" : ", the zone runs elsewhere"}\n`;
  const columns = [
    { title: "unit", cell: (unit: UnitStatus) => unit.name },
    {
      title: "state",
      cell: (unit: UnitStatus) => unit.phase,
      tone: (unit: UnitStatus) => phaseTones[unit.phase],
    },
    {
      title: "for",
      cell: ({ since }: UnitStatus) => (since ? showAge(cli.io.now() - Date.parse(since)) : undefined),
      align: "right" as const,
    },
    { title: "pid", cell: (unit: UnitStatus) => unit.pid, align: "right" as const },
    { title: "restarts", cell: (unit: UnitStatus) => unit.restarts, align: "right" as const },
    {
      title: "",
      cell: (unit: UnitStatus) => unit.fault ?? (unit.restarts > 0 ? unit.lastEnd : "") ?? "",
      flexible: true as const,
    },
  ];
  const words = { up: "everything runs", down: "nothing runs", partly: "not everything runs" }[phase];
  const next = {
    up: "",
    down: "\nstart it with `eru up`\n",
    partly: "\nthe logs are in its log directory; `eru up` starts what is missing\n",
  }[phase];
  const urls = [
    ["commands", installation?.commandUrl],
    ["queries", installation?.queryUrl],
    ["load balancer", installation?.elbUrl],
  ] as const;
  return `${home}: ${words}\n\n${details(urls, cli.look)}\n${table(columns, units, cli.look)}${next}`;
}

function zoneText(cli: Cli, zone: Zone | { error: string }): string {
  if ("error" in zone) return `\nthe zone does not answer: ${zone.error}\n`;
  const { pods, nodes, apps, deployments, routes, workloads } = zone.counts;
  const counted = [
    plural(pods, "pod"),
    plural(nodes, "node"),
    plural(apps, "app"),
    plural(deployments, "deployment"),
    plural(routes, "route"),
  ];
  const there = Object.entries(workloads).filter(([state, count]) => count > 0 && state !== "removed");
  const states = there.map(([state, count]) => `${count} ${stateWord(state)}`).join(", ") || "none";
  const view = zone.notReadyBecause ?? (zone.lag > 0 ? `${zone.lag} behind the log` : "up to date");
  const pairs = [
    ["zone", counted.join(", ")],
    ["workloads", states],
    ["view", `sequence ${zone.seq}, ${view}`],
  ] as const;
  return `\n${details(pairs, cli.look)}`;
}
