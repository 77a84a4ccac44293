import type { Cli } from "../cli.ts";
import { moment } from "../render/event.ts";
import { details, table } from "../render/table.ts";
import { App, Deployment, Release } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";
import { deploymentColumns } from "./deployment.ts";
import { releaseColumns } from "./release.ts";

/** `eru app`. */
export function addApp(cli: Cli): void {
  const app = group(cli, "app", "named programs; what runs are their releases");
  app
    .command("list")
    .alias("ls")
    .description("all apps")
    .action(() =>
      cli.withApi(async (api) => {
        const apps = await api.list("/v1/apps", App);
        answerList(cli, apps, columns, "there are no apps yet: register one with `eru app register <app>`");
      }),
    );
  app
    .command("show")
    .description("one app with its releases and deployments")
    .argument("<app>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/apps/${name}`, App);
        const releases = await api.list(path`/v1/apps/${name}/releases`, Release);
        const deployments = await api.list("/v1/deployments", Deployment, { app: name });
        cli.answer({ app: one, releases, deployments }, () =>
          [
            details(
              [
                ["app", one.app],
                ["registered", moment(one.registeredAt)],
                ["releases", releases.length > 0 ? undefined : "none"],
              ],
              cli.look,
            ),
            releases.length > 0 ? `\n${table(releaseColumns(cli), releases, cli.look)}` : "",
            deployments.length > 0 ? `\n${table(deploymentColumns(cli), deployments, cli.look)}` : "",
          ].join(""),
        );
      }),
    );
  app
    .command("register")
    .description("register an app")
    .argument("<app>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", "/v1/apps", { name });
        await recorded(cli, api, answer, `app ${name} registered`);
      }),
    );
  app
    .command("remove")
    .alias("rm")
    .description("remove an app with its releases, when nothing of it runs")
    .argument("<app>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/apps/${name}`);
        await recorded(cli, api, answer, `app ${name} removed`);
      }),
    );
}

const columns = [
  { title: "app", cell: (app: App) => app.app },
  { title: "newest release", cell: (app: App) => app.latestRelease ?? undefined, flexible: true },
  { title: "releases", cell: (app: App) => app.releases, align: "right" },
  { title: "deployments", cell: (app: App) => app.deployments, align: "right" },
  { title: "workloads", cell: (app: App) => app.workloads, align: "right" },
] as const;
