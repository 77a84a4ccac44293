import type { ShortRule } from "@eru/events";
import { inPrecedence } from "@eru/routing";
import { type Command, InvalidArgumentError } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { hostName } from "../host.ts";
import { parseWhole } from "../quantities.ts";
import { actionText, whenText } from "../render/rule.ts";
import { table } from "../render/table.ts";
import { plural } from "../render/text.ts";
import { Route, RouteTargets, type Target } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";
import { option } from "./options.ts";
import { addRouteApply } from "./route-apply.ts";
import { addRouteHistory } from "./route-history.ts";
import { addRouteStage } from "./route-stage.ts";

type Rule = Omit<ShortRule, "pathPrefix"> & { pathPrefix?: string };
type SetOptions = {
  app?: string;
  entrypoint: string;
  path?: string;
  port?: number;
  pod?: string;
  release?: string;
  rule?: Rule[];
  owner?: string;
  takeOver?: true;
};

const ruleForm = "/path=app/entrypoint, with :port and @pod when wanted";

/** One rule from `/api=hello/web:8080@east`. */
function parseRule(text: string, before: readonly Rule[] = []): Rule[] {
  const [, pathPrefix, app, entrypoint, port, pod] =
    /^(\/[^=]*)=([^/:@]+)\/([^/:@]+)(?::([^@]*))?(?:@(.+))?$/.exec(text) ?? [];
  if (pathPrefix === undefined || app === undefined || entrypoint === undefined)
    throw new InvalidArgumentError(`Write ${ruleForm}.`);
  const rule: Rule = {
    pathPrefix,
    app,
    entrypoint,
    ...(port !== undefined && { port: parseWhole(1, 65_535)(port) }),
    ...(pod !== undefined && { pod }),
  };
  return [...before, rule];
}

function rulesOf({ app, entrypoint, path: pathPrefix, port, pod, release, rule }: SetOptions): Rule[] {
  if (rule && !app) return rule;
  if (!app)
    throw new CliError(exitCodes.usage, "a route needs --app, or one --rule for each path", {
      next: "write `eru route set www.example.org --app hello --entrypoint web`",
    });
  const single: Rule = {
    ...(pathPrefix !== undefined && { pathPrefix }),
    app,
    entrypoint,
    ...(port !== undefined && { port }),
    ...(pod !== undefined && { pod }),
    ...(release !== undefined && { release }),
  };
  return [single, ...(rule ?? [])];
}

/** `eru route`. */
export function addRoute(cli: Cli): Command {
  const route = group(cli, "route", "which host and path goes to which entrypoint");
  addQueries(cli, route);
  addRouteApply(cli, route);
  addRouteHistory(cli, route);
  addRouteStage(cli, route);
  route
    .command("set")
    .description("declare where requests for a host go; replaces everything declared for it before")
    .argument("<host>", "host name; *.example.org for a wildcard, '*' for the default", hostName)
    .option("--app <app>", "app to send to")
    .option("--entrypoint <name>", "entrypoint of the app", "web")
    .option("--path <prefix>", "only requests below this path (default: /)")
    .addOption(option.port())
    .addOption(option.pod("only to workloads in this pod"))
    .option("--release <release>", "only to workloads of this release")
    .option("--owner <app>", "the app the host shall belong to (default: no app)")
    .option("--take-over", "take the host from whoever owns it")
    .option("--rule <rule>", `one rule for each path, as ${ruleForm}; repeatable`, parseRule)
    .action((host: string, options: SetOptions) =>
      cli.withApi(async (api) => {
        const rules = rulesOf(options);
        const { owner, takeOver } = options;
        const body = { ...(owner !== undefined && { app: owner }), rules };
        const answer = await api.order("PUT", path`/v1/routes/${host}`, body, { takeOver });
        await recorded(cli, api, answer, `${host}: ${rules.map(ruleText).join(", ")}`);
      }),
    );
  route
    .command("remove")
    .alias("rm")
    .description("remove a host's route")
    .argument("<host>", "host name", hostName)
    .action((host: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/routes/${host}`);
        await recorded(cli, api, answer, `route ${host} removed`);
      }),
    );
  return route;
}

function addQueries(cli: Cli, route: Command): void {
  route
    .command("list")
    .alias("ls")
    .description("all routes")
    .action(() =>
      cli.withApi(async (api) => {
        const routes = await api.list("/v1/routes", Route);
        const empty = "there are no routes yet: declare one with `eru route set <host> --app <app>`";
        answerList(cli, routes, columns, empty);
      }),
    );
  route
    .command("show")
    .description("one host's rules with the healthy workloads each sends to")
    .argument("<host>", "host name", hostName)
    .action((host: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/routes/${host}`, RouteTargets);
        cli.answer(one, () => showText(cli, one));
      }),
    );
}

/** A rule in the form of `--rule`, without what was not said. */
const ruleText = ({ pathPrefix = "/", app, entrypoint, port, pod }: Rule): string =>
  `${pathPrefix}=${app}/${entrypoint}${port === undefined ? "" : `:${port}`}${pod === undefined ? "" : `@${pod}`}`;

const columns = [
  { title: "host", cell: (route: Route) => route.host },
  { title: "app", cell: (route: Route) => route.app ?? "-" },
  { title: "rules", cell: rulesText, flexible: true },
  { title: "declared by", cell: (route: Route) => route.declaredBy },
] as const;

/** The rules in order of precedence, each in short. */
function rulesText({ rules }: Route): string {
  return inPrecedence(rules)
    .map((rule) => `${whenText(rule)} → ${actionText(rule)}`)
    .join("  ");
}

const targetColumns = [
  { title: "workload", cell: (target: Target) => target.workload },
  { title: "release", cell: (target: Target) => target.release, flexible: true },
  { title: "node", cell: (target: Target) => target.node },
  { title: "address", cell: (target: Target) => `${target.ip}:${target.port}` },
] as const;

const ruleColumns = [
  { title: "rule", cell: ({ id }: Route["rules"][number]) => id },
  { title: "when", cell: whenText, flexible: true },
  { title: "then", cell: actionText, flexible: true },
] as const;

/** Rules as they are tried, then the pools they name. */
function showText(cli: Cli, route: RouteTargets): string {
  const { host, app, rules, pools, section } = route;
  const disabled = rules.filter(({ enabled }) => !enabled).map(({ id }) => id);
  const owner = app === undefined ? "" : `, of app ${app}`;
  const follows = section === null ? "" : `, by the elb section of ${section}`;
  const head = `${host}${owner}${follows}\n\n${table(ruleColumns, inPrecedence(rules), cli.look)}`;
  const off = disabled.length > 0 ? `not enabled: ${disabled.join(", ")}\n` : "";
  const blocks = pools.map(({ pool, endpoints, endpointsTotal }) => {
    const title = `\n${cli.look.paint("strong", pool)}: ${plural(endpointsTotal, "healthy workload")}\n`;
    if (endpoints.length === 0) return `${title}requests for it are answered with 503 until one is healthy\n`;
    return `${title}${table(targetColumns, endpoints, cli.look)}`;
  });
  return `${head}${off}${blocks.join("")}`;
}
