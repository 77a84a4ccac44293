import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Status, Tool, UnitStatus } from "@eru/local";
import type { Cli } from "../cli.ts";
import { findContext } from "../context.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseWhole, showAge } from "../quantities.ts";
import { details, table } from "../render/table.ts";
import type { Tone } from "../render/text.ts";

type HomeOption = { home?: string };

const homeFlags = [
  "--home <directory>",
  "where the installation lives (default: ERU_HOME, /var/lib/eru for root)",
] as const;

/** The library that runs a single machine, loaded only by the commands that need it: most talk to servers alone. */
const local = () => import("@eru/local");

/** Failures of the local installation as failures of a command. */
async function withLocal<T>(work: (lib: Awaited<ReturnType<typeof local>>) => Promise<T>): Promise<T> {
  const lib = await local();
  try {
    return await work(lib);
  } catch (error) {
    if (!(error instanceof lib.LocalError)) throw error;
    throw new CliError(exitCodes.notTrue, error.message, { code: error.code, cause: error });
  }
}

const homeOf = (cli: Cli, { home }: HomeOption, otherwise: string): string =>
  home === undefined ? otherwise : resolve(cli.io.cwd, home);

/** `eru up`, `down`, `status`, `doctor`: one machine as a whole installation. */
export function addLocal(cli: Cli): void {
  addUp(cli);
  addDown(cli);
  addStatus(cli);
  addDoctor(cli);
}

function addUp(cli: Cli): void {
  cli.program
    .command("up")
    .description("start Eru on this machine, or make sure that it runs")
    .option("--nodes <n>", "nodes to have; 1 uses the machine's own engine", parseWhole(1, 32), 1)
    .option(...homeFlags)
    .action((options: HomeOption & { nodes: number }) =>
      withLocal(async ({ up, defaultHome }) => {
        const home = homeOf(cli, options, defaultHome(cli.io.env));
        const tell = (text: string) => cli.say(`  ${text}\n`);
        const running = await up({ home, nodes: options.nodes, tell, signal: cli.io.signal });
        cli.answer(running, () =>
          [
            "Eru runs.\n\n",
            details(
              [
                ["commands", `${running.commandUrl} (API description at ${running.commandUrl}/docs)`],
                ["queries", running.queryUrl],
                ["load balancer", running.elbUrl],
                ["context", `${running.contextFile} (holds your token)`],
              ],
              cli.look,
            ),
          ].join(""),
        );
      }),
    );
}

function addDown(cli: Cli): void {
  cli.program
    .command("down")
    .description("stop Eru on this machine and remove its containers; its data stays")
    .option("--purge", "also remove all data: log, views, secrets")
    .option(...homeFlags)
    .action((options: HomeOption & { purge?: true }) =>
      withLocal(async ({ down, status, defaultHome }) => {
        const home = homeOf(cli, options, defaultHome(cli.io.env));
        const there = existsSync(home);
        await down({ home, purge: options.purge === true, tell: (text) => cli.say(`  ${text}\n`) });
        const { phase } = await status({ home });
        const elsewhere = there ? undefined : demoBeside(cli);
        cli.answer({ home, phase }, () =>
          there
            ? `nothing of ${home} runs any more${phase === "absent" ? ", and nothing is left of it" : ""}\n`
            : `there is no installation in ${home}${elsewhere ? `; the one here is in ${elsewhere}: --home ${elsewhere}` : ""}\n`,
        );
      }),
    );
}

/** The installation whose context is used here, when it is another than the default one. */
function demoBeside(cli: Cli): string | undefined {
  const home = join(cli.io.cwd, ".eru/demo");
  return existsSync(join(home, "plan.json")) ? home : undefined;
}

function addStatus(cli: Cli): void {
  cli.program
    .command("status")
    .description("what of the installation on this machine runs; exit status 1 when not all of it does")
    .option(...homeFlags)
    .action((options: HomeOption) =>
      withLocal(async ({ status, defaultHome }) => {
        const now = await status({ home: homeOf(cli, options, contextHome(cli) ?? defaultHome(cli.io.env)) });
        if (now.phase !== "up") cli.exitCode = exitCodes.notTrue;
        cli.answer(now, () => statusText(cli, now));
      }),
    );
}

/** The directory of the context in use, when an installation lives there. */
function contextHome(cli: Cli): string | undefined {
  if (cli.io.env["ERU_HOME"]) return undefined;
  try {
    const home = dirname(findContext(cli.io, cli.options.context).source);
    return existsSync(join(home, "plan.json")) ? home : undefined;
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
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

function statusText(cli: Cli, { phase, home, installation, units }: Status): string {
  if (phase === "absent") return `there is no installation in ${home}: start one with \`eru up\`\n`;
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

function addDoctor(cli: Cli): void {
  cli.program
    .command("doctor")
    .description(
      "what this machine has of what Eru needs; changes nothing; exit status 1 when something is missing",
    )
    .option("--nodes <n>", "for an installation with so many nodes", parseWhole(1, 32), 1)
    .action(({ nodes }: { nodes: number }) =>
      withLocal(async ({ doctor }) => {
        const tools = await doctor({ nodes });
        const lacking = tools.filter(({ ok, purpose }) => !ok && purpose === "run");
        if (lacking.length > 0) cli.exitCode = exitCodes.notTrue;
        cli.answer(tools, () => doctorText(cli, tools, lacking.length));
      }),
    );
}

function doctorText(cli: Cli, tools: readonly Tool[], lacking: number): string {
  const columns = [
    {
      title: "",
      cell: ({ ok }: Tool) => (ok ? "ok" : "no"),
      tone: ({ ok }: Tool) => (ok ? ("good" as const) : ("bad" as const)),
    },
    { title: "tool", cell: ({ tool }: Tool) => tool },
    { title: "wanted", cell: ({ wanted }: Tool) => wanted, flexible: true as const },
    { title: "found", cell: ({ found }: Tool) => found, flexible: true as const },
    { title: "for", cell: ({ purpose }: Tool) => purpose },
    { title: "to get it", cell: ({ ok, how }: Tool) => (ok ? "" : how), flexible: true as const },
  ];
  const words = lacking === 0 ? "this machine can run Eru" : "install what is missing with `make setup`";
  return `${table(columns, tools, cli.look)}\n${words}\n`;
}
