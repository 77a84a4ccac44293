import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Installation, Tool } from "@eru/local";
import { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { findContext } from "../context.ts";
import { exitCodes } from "../errors.ts";
import { parseWhole } from "../quantities.ts";
import { details, table } from "../render/table.ts";
import { Pod } from "../views.ts";
import { contextInUse, type HomeOption, homeFlags, homeOf, withLocal } from "./installation.ts";
import { addStatus } from "./status.ts";

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
    .option(
      "--nodes <n>",
      "nodes to have; 1 uses the machine's own engine (default: as many as there are, at first 1)",
      parseWhole(1, 32),
    )
    .option(
      "--elbs <n>",
      "load balancers to have, each with an nginx of its own (default: as many as there are, at first 1)",
      parseWhole(1, 8),
    )
    .option(...homeFlags)
    .action((options: HomeOption & { nodes?: number; elbs?: number }) =>
      withLocal(async ({ up, status, defaultHome }) => {
        const home = homeOf(cli, options, defaultHome(cli.io.env));
        const tell = (text: string) => cli.say(`  ${text}\n`);
        const nodes = options.nodes ?? (await status({ home })).installation?.nodes.length ?? 1;
        const { elbs } = options;
        const running = await up({ home, nodes, ...(elbs && { elbs }), tell, signal: cli.io.signal });
        const empty = await hasNoPods(cli, running);
        cli.answer(running, () => upText(cli, running, empty));
      }),
    );
}

async function hasNoPods(cli: Cli, { contextFile }: Installation): Promise<boolean> {
  await using api = new Api(findContext(cli.io, contextFile), cli.io.signal);
  return (await api.list("/v1/pods", Pod, {}, 1)).length === 0;
}

function upText(cli: Cli, running: Installation, empty: boolean): string {
  const { commandUrl, queryUrl, elbUrls, contextFile, nodes } = running;
  // Another context may be nearer, or this installation may live where nobody looks.
  const found = contextInUse(cli)?.source === contextFile;
  const eru = found ? "eru" : `eru --context ${contextFile}`;
  const lines = details(
    [
      ["commands", `${commandUrl} (described at ${commandUrl}/docs)`],
      ["queries", `${queryUrl} (described at ${queryUrl}/docs)`],
      ...elbUrls.map((url) => ["load balancer", url] as const),
      ["context", `${contextFile} (holds your token)`],
      // Images are built where they run: there is no registry yet.
      ...nodes.map(({ name, socket }) => [`engine of ${name}`, `unix://${socket}`] as const),
    ],
    cli.look,
  );
  const first = ["pod add main", ...nodes.map(({ name }) => `node add ${name} --pod main`)];
  return [
    `Eru runs.\n\n${lines}`,
    found ? "" : `\nCommands here do not find it by themselves: name it with --context or ERU_CONTEXT.\n`,
    empty ? `\nIts agents wait to be let in:\n\n${first.map((line) => `  ${eru} ${line}\n`).join("")}` : "",
  ].join("");
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
