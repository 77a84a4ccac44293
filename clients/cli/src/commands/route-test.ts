import type { Explanation } from "@eru/events";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { exitCodes } from "../errors.ts";
import { declaredRoutes, explainBy, type KnownRoutes, routesOfFile } from "../known-routes.ts";
import { readSpec } from "../release-source.ts";
import { plural } from "../render/text.ts";
import { deviations, type Expectation, readExpectations } from "../route-expectations.ts";
import { readRoutes } from "../route-file.ts";

type Tested = { line: number; request: string; ok: boolean; deviations: string[]; explanation: Explanation };

/** `eru route test`. */
export function addRouteTest(cli: Cli, route: Command): void {
  route
    .command("test")
    .description(
      "whether requests go where a file expects them to, by the declared routes or by a file of routes",
    )
    .argument(
      "<file>",
      "YAML: a list of {request, headers, source, expect: {host, rule, pool, status, location}}",
    )
    .option(
      "--routes <file>",
      "by the routes of this file, before they are applied; every pool counts as serving",
    )
    .action(async (file: string, { routes }: { routes?: string }) => {
      const expectations = readExpectations(readSpec(file, cli.io.cwd));
      if (routes === undefined)
        return cli.withApi(async (api) =>
          report(cli, file, await testAll(expectations, declaredRoutes(api))),
        );
      const known = routesOfFile(routes, readRoutes(readSpec(routes, cli.io.cwd)));
      return report(cli, file, await testAll(expectations, known));
    });
}

async function testAll(expectations: readonly Expectation[], routes: KnownRoutes): Promise<Tested[]> {
  const tested: Tested[] = [];
  for (const { line, text, request, expected } of expectations) {
    const explanation = await explainBy(routes, request);
    const found = deviations(expected, explanation);
    tested.push({ line, request: text, ok: found.length === 0, deviations: found, explanation });
  }
  return tested;
}

function report(cli: Cli, file: string, tested: readonly Tested[]): void {
  const failed = tested.filter(({ ok }) => !ok);
  cli.answer(tested, () => {
    const lines = failed.flatMap((one) => [
      `${cli.look.paint("bad", "not so")}: ${one.request} (${file}, line ${one.line})`,
      ...one.deviations.map((text) => `  ${text}`),
      ...one.explanation.skipped.map(
        ({ rule, because }) => `  rule ${rule} did not match: ${because.join("; ")}`,
      ),
    ]);
    const count = `${plural(tested.length - failed.length, "request")} of ${tested.length} as expected`;
    return `${[...lines, count].join("\n")}\n`;
  });
  if (failed.length > 0) cli.exitCode = exitCodes.notTrue;
}
