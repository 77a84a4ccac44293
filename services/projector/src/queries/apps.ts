import { AppName, type AppSpec, ReleaseName } from "@eru/events";
import { type InferResult, sql } from "kysely";
import { z } from "zod";
import type { View } from "../view.ts";
import { kysely } from "../view.ts";
import { parsed } from "./json.ts";
import { notFound } from "./not-found.ts";
import { endPage, pageBy, pageOf, pageQuery, startOf } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { countOf, there, thereIn } from "./there.ts";

const App = z.object({
  app: z.string(),
  releases: z.int(),
  latestRelease: z.string().nullable().describe("The release that was registered last"),
  deployments: z.int().describe("Deployments that are not removed"),
  workloads: z.int().describe("Workloads that are not removed"),
  registeredSeq: z.int(),
  registeredAt: z.string(),
});

const Release = z.object({
  app: z.string(),
  release: z.string(),
  gitSha: z.string().nullable(),
  image: z.string(),
  entrypoints: z.array(z.string()),
  registeredSeq: z.int(),
  registeredAt: z.string(),
  registeredBy: z.string(),
});

const apps = () =>
  kysely
    .selectFrom("apps as a")
    .select((row) => [
      "a.app",
      "a.registeredSeq",
      "a.registeredAt",
      countOf(row.selectFrom("releases as r").whereRef("r.app", "=", "a.app")).as("releases"),
      row
        .selectFrom("releases as r")
        .whereRef("r.app", "=", "a.app")
        .select("r.release")
        .orderBy("r.registeredSeq", "desc")
        .limit(1)
        .as("latestRelease"),
      countOf(row.selectFrom("deployments as d").whereRef("d.app", "=", "a.app").where(there("d"))).as(
        "deployments",
      ),
      thereIn(
        sql`c.deployment in (select deployment from deployments where app = a.app and state <> 'removed')`,
      ).as("workloads"),
    ]);

const releases = () => kysely.selectFrom("releases").selectAll();

function show(row: InferResult<ReturnType<typeof releases>>[number]): z.infer<typeof Release> {
  const { spec, specText: _text, ...rest } = row;
  return { ...rest, entrypoints: Object.keys(parsed<AppSpec>(spec).entrypoints) };
}

const noApp = (view: View, app: string) =>
  notFound(view, { kind: "app", name: app, list: "/v1/apps" }, kysely.selectFrom("apps").select("app"));

/** GET /v1/apps, /v1/apps/:app, /v1/apps/:app/releases and /v1/releases/:app/:release. */
export function addApps(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/apps",
    summary: "Apps",
    tag: "apps",
    params: {},
    query: pageQuery,
    answer: pageOf(App),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "apps",
        rows: apps(),
        column: "a.app",
        key: (row) => row.app,
        item: (row) => row,
      }),
  });
  addQuery(deps, {
    path: "/v1/apps/:app",
    summary: "One app",
    tag: "apps",
    params: { app: AppName },
    query: {},
    answer: App,
    run: (view, { params: { app } }) => {
      const found = view.first(apps().where("a.app", "=", app));
      if (found) return found;
      throw noApp(view, app);
    },
  });
  addReleases(deps);
}

function addReleases(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/apps/:app/releases",
    summary: "Releases of an app, the newest first",
    tag: "apps",
    params: { app: AppName },
    query: pageQuery,
    answer: pageOf(Release),
    run: (view, { params: { app }, query }) => {
      if (!view.first(kysely.selectFrom("apps").select("app").where("app", "=", app))) throw noApp(view, app);
      const list = `releases/${app}`;
      const start = startOf(list, [z.int()], query);
      let rows = releases().where("app", "=", app);
      if (start.after) rows = rows.where("registeredSeq", "<", start.after[0]);
      const found = view.all(rows.orderBy("registeredSeq", "desc").limit(start.limit + 1));
      return endPage(list, start, found, { key: (row) => [row.registeredSeq], item: show });
    },
  });
  addQuery(deps, {
    path: "/v1/releases/:app/:release",
    summary: "One release with its spec",
    tag: "apps",
    params: { app: AppName, release: ReleaseName },
    query: {},
    answer: Release.extend({
      spec: z
        .record(z.string(), z.unknown())
        .describe("The app.yaml as it was understood, defaults filled in"),
      specText: z.string().describe("The app.yaml as it was sent"),
    }),
    run: (view, { params: { app, release } }) => {
      const found = view.first(releases().where("app", "=", app).where("release", "=", release));
      if (found)
        return {
          ...show(found),
          spec: parsed<Record<string, unknown>>(found.spec),
          specText: found.specText,
        };
      const names = kysely.selectFrom("releases").select("release").where("app", "=", app);
      const list = `/v1/apps/${app}/releases`;
      throw notFound(view, { kind: "release", name: `${release} of app ${app}`, list }, names);
    },
  });
}
