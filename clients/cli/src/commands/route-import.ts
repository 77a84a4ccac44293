import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { RouteContent, Selector } from "@eru/events";
import { type ImportedHost, importGraphs, routeFaults } from "@eru/routing";
import { type Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { readSpec } from "../release-source.ts";
import { plural } from "../render/text.ts";

type Names = ReadonlyMap<string, Selector>;
type Options = { output?: string; backend?: Names };

/** `eru route import`. */
export function addRouteImport(cli: Cli, route: Command): void {
  route
    .command("import")
    .description("turn rule graphs of the original elb into a file for `eru route apply`")
    .argument("<file>", "JSON: {host: {init, rules}}, as the original's domain API answers")
    .option("-o, --output <file>", "write the routes there (default: standard output)")
    .option(
      "--backend <name=app/entrypoint>",
      "what an upstream means, with @pod and =release when wanted; repeatable",
      collectBackend,
    )
    .action((file: string, { output, backend = new Map() }: Options) => {
      const hosts = importGraphs(parsed(readSpec(file, cli.io.cwd).text, file), backend).map(checked);
      const routes = hosts.flatMap((host) => (host.ok ? [host.route] : []));
      const text = routes.map((one) => stringify(one)).join("---\n");
      if (output !== undefined && routes.length > 0) writeFileSync(resolve(cli.io.cwd, output), text);
      cli.say(hosts.map(hostText).join(""));
      cli.answer(hosts, () => (output === undefined ? text : doneText(hosts, routes.length, output)));
      if (hosts.some(({ ok }) => !ok)) cli.exitCode = exitCodes.notTrue;
    });
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError(
      exitCodes.usage,
      `${file} is not JSON: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** The limits of a route are checked here already, so that no file is written which is refused later. */
function checked(host: ImportedHost): ImportedHost {
  if (!host.ok) return host;
  const content = RouteContent.safeParse({ rules: host.route.rules });
  const faults = content.success
    ? routeFaults(host.route.host, content.data).map(({ at, message }) => `${at.join(".")}: ${message}`)
    : content.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return faults.length === 0 ? host : { ok: false, name: host.name, faults };
}

function hostText(host: ImportedHost): string {
  if (!host.ok) return `${host.name}: not translated\n${host.faults.map((fault) => `  ${fault}\n`).join("")}`;
  const { rules } = host.route;
  return `${host.name}: ${plural(rules.length, "rule")}\n${host.notes.map((note) => `  ${note}\n`).join("")}`;
}

const doneText = (hosts: readonly ImportedHost[], count: number, output: string): string =>
  count === 0
    ? "nothing was translated, and nothing written\n"
    : `${count} of ${plural(hosts.length, "host")} translated; see ${output}, try it with \`eru route test\`, then \`eru route apply -f ${output}\`\n`;

/** `up1=shop/web@east=v1`. */
function collectBackend(text: string, before: Names = new Map()): Names {
  const [, name, app, entrypoint, pod, release] =
    /^([^=]+)=([^/@=]+)\/([^/@=]+)(?:@([^=]+))?(?:=(.+))?$/.exec(text) ?? [];
  const selector = Selector.safeParse({
    app,
    entrypoint,
    ...(pod !== undefined && { pod }),
    ...(release !== undefined && { release }),
  });
  if (name === undefined || !selector.success)
    throw new InvalidArgumentError(
      "Write the upstream's name, = and app/entrypoint, with @pod and =release when wanted.",
    );
  return new Map([...before, [name, selector.data]]);
}
