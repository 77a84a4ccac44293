import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { type Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes, type Fault } from "../errors.ts";
import { collectNames, parseDuration } from "../quantities.ts";
import { readSpec } from "../release-source.ts";
import { plural } from "../render/text.ts";
import { type RouteInFile, readRoutes } from "../route-file.ts";
import { path, recorded } from "./common.ts";

type ApplyOptions = {
  file: string;
  takeOver?: true;
  dryRun?: true;
  staged?: true;
  elb?: string[];
  promoteAfter?: number;
  failuresMax?: number;
};

const Checked = z.looseObject({
  host: z.string(),
  changed: z.boolean(),
  engine: z.string().optional(),
  rules: z.array(z.string()),
});
type Checked = z.infer<typeof Checked>;

const routesMax = 500;
/** Of a character there are at most four bytes. */
const charactersMax = 240 * 1024;

/** `eru route apply`. */
export function addRouteApply(cli: Cli, route: Command): void {
  route
    .command("apply")
    .description("declare the routes of a file: YAML or JSON, one host in each document")
    .requiredOption("-f, --file <path>", "the file", (text: string) => {
      if (text === "") throw new InvalidArgumentError("Name a file.");
      return text;
    })
    .option("--take-over", "take hosts from whoever owns them")
    .option("--dry-run", "only check, also in a load balancer's engine, and record nothing")
    .option("--staged", "only at one load balancer of each group first; `eru route stage` shows and ends it")
    .option(
      "--elb <elb>",
      "with --staged: at this one; repeatable (default: the first by name)",
      collectNames,
    )
    .option(
      "--promote-after <time>",
      "with --staged: for all after this time, if all is well there",
      parseDuration,
    )
    .option(
      "--failures-max <percent>",
      "with --promote-after: so many more 5xx may be (default: 1)",
      parsePercent,
    )
    .action(({ file, ...options }: ApplyOptions) =>
      cli.withApi(async (api) => {
        const alone = options.elb ?? options.promoteAfter ?? options.failuresMax;
        if (!options.staged && alone !== undefined)
          throw new CliError(exitCodes.usage, "--elb, --promote-after and --failures-max go with --staged");
        const routes = readRoutes(readSpec(file, cli.io.cwd));
        // All are checked before the first is recorded, so that a fault in the last leaves nothing half done.
        const checked: Checked[] = [];
        for (const one of routes) checked.push(await check(api, one, options));
        if (options.dryRun) cli.answer(checked, () => checked.map(checkedText).join(""));
        else if (options.staged) for (const one of routes) await stage(cli, api, one, options);
        else await declare(cli, api, routes, options);
      }),
    );
}

const check = (api: Api, { host, body, locate }: RouteInFile, { takeOver }: Omit<ApplyOptions, "file">) =>
  atLines(locate, () =>
    api.command("PUT", path`/v1/routes/${host}`, Checked, { body, query: { takeOver, dryRun: true } }),
  );

/** Several are declared in one command: all of them, or none. */
async function declare(
  cli: Cli,
  api: Api,
  routes: readonly RouteInFile[],
  { takeOver }: Omit<ApplyOptions, "file">,
): Promise<void> {
  const [only] = routes;
  if (routes.length === 1 && only) {
    const { host, body, locate } = only;
    const answer = await atLines(locate, () =>
      api.order("PUT", path`/v1/routes/${host}`, body, { takeOver }),
    );
    await recorded(cli, api, answer, `route ${host} declared`);
    return;
  }
  for (const some of inCommands(routes)) {
    const body = { routes: some.map(({ host, body: route }) => ({ host, route })) };
    const answer = await atLines(
      (faults) => faults.flatMap((fault) => located(some, fault)),
      () => api.order("POST", "/v1/routes", body, { takeOver }),
    );
    await recorded(cli, api, answer, some.map(({ host }) => `route ${host} declared`).join("\n"));
  }
}

/** A command takes 500 routes and a body of 1 MiB: what is larger are several. */
function inCommands(routes: readonly RouteInFile[]): RouteInFile[][] {
  const commands: RouteInFile[][] = [];
  let characters = 0;
  for (const one of routes) {
    const size = JSON.stringify(one.body).length + one.host.length;
    const last = commands.at(-1);
    characters += size;
    if (last && last.length < routesMax && characters <= charactersMax) last.push(one);
    else {
      commands.push([one]);
      characters = size;
    }
  }
  return commands;
}

/** `routes.2.route.rules.0` is a field of the third route of the file. */
function located(routes: readonly RouteInFile[], fault: Fault): Fault[] {
  const [, index, field] = /^routes\.(\d+)\.route\.(.*)$/.exec(fault.field) ?? [];
  const one = routes[Number(index ?? Number.NaN)];
  return one && field !== undefined ? one.locate([{ ...fault, field }]) : [fault];
}

const Staged = Recorded.extend({ elbs: z.array(z.string()).default([]) });

async function stage(
  cli: Cli,
  api: Api,
  { host, body: route, locate }: RouteInFile,
  { takeOver, elb, promoteAfter, failuresMax }: Omit<ApplyOptions, "file">,
): Promise<void> {
  const body = {
    route,
    ...(elb && { elbs: elb }),
    ...(promoteAfter !== undefined && { promoteAfterMs: promoteAfter }),
    ...(failuresMax !== undefined && { failuresMaxPercent: failuresMax }),
  };
  const answer = await atLines(locate, () =>
    api.command("POST", path`/v1/routes/${host}/stage`, Staged, { body, query: { takeOver } }),
  );
  const where = answer.elbs.length > 0 ? ` at ${answer.elbs.join(", ")}` : "";
  await recorded(
    cli,
    api,
    answer,
    `route ${host} staged${where}; \`eru route stage show ${host}\` says how it does`,
  );
}

function parsePercent(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 100)
    throw new InvalidArgumentError("Write a percentage, as 0.5.");
  return value;
}

/** Runs a request; the fields a refusal names are told by their lines in the file. */
async function atLines<T>(locate: RouteInFile["locate"], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CliError) || error.faults.length === 0) throw error;
    const { exitCode, message, faults, next, code } = error;
    throw new CliError(exitCode, message, {
      faults: locate(faults),
      next,
      ...(code !== undefined && { code }),
      cause: error,
    });
  }
}

const checkedText = ({ host, changed, engine, rules }: Checked): string =>
  `${host}: ${changed ? "would be declared" : "is so already"}, ${plural(rules.length, "rule")} tried in this order: ${rules.join(", ")}; ${
    engine === undefined ? "no load balancer was there to try them" : `tried by load balancer ${engine}`
  }\n`;
