import { AppName, ImageRef, ReleaseName, type RouteContent, subjects } from "@eru/events";
import type { Live } from "@eru/log";
import { sectionRoute, selectorsOf } from "@eru/routing";
import { Problem } from "@eru/service";
import { z } from "zod";
import { parseAppYaml } from "../app-yaml.ts";
import { type AppCommand, app as decider } from "../domain/app.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { askEngine } from "./ask-engine.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";

/** Characters of an `app.yaml`. Text and parsed spec go into one message of the log, which takes 255 KiB in all. */
const specTextMax = 256 * 1024;

const NewRelease = z.strictObject({
  release: ReleaseName,
  gitSha: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/, "a git commit has 7 to 64 lower-case hexadecimal digits")
    .optional(),
  image: ImageRef,
  specText: z
    .string()
    .max(specTextMax, `an app.yaml has at most ${specTextMax} characters`)
    .describe("The app.yaml. Text and parsed spec together must fit into a message of the log, 255 KiB."),
});
const tag = "apps";
const params = z.strictObject({ app: AppName });

/** Commands about apps and their releases. */
export function appRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "RegisterApp",
    method: "POST",
    url: "/v1/apps",
    tag,
    summary: "Register an app",
    description: "An app is a named program; what runs are its releases.",
    body: z.strictObject({ name: AppName }),
    ids: { app: AppName },
    command: ({ body: { name: app } }) => command(app, () => ({ type: "RegisterApp", app })),
  });
  commandRoute(deps, {
    name: "RemoveApp",
    method: "DELETE",
    url: "/v1/apps/:app",
    tag,
    summary: "Remove an app with its releases",
    description: "Refused while deployments of it live or routes point at it. Its name may be used again.",
    params,
    ids: { app: AppName },
    command: ({ params: { app } }) =>
      command(app, (intent) => ({ type: "RemoveApp", app, ...usersOf(app, intent) })),
  });
  commandRoute(deps, {
    name: "RegisterRelease",
    method: "POST",
    url: "/v1/apps/:app/releases",
    tag,
    summary: "Register a release of an app",
    description:
      "A release never changes: the same one with the same content again changes nothing, with other content it is refused. Faults of the app.yaml are named with line and column.",
    params,
    body: NewRelease,
    ids: { app: AppName, release: ReleaseName },
    command: ({ params: { app }, body }) => registerRelease(app, body, deps.broker.live),
  });
}

async function registerRelease(
  app: string,
  content: z.output<typeof NewRelease>,
  live: Live,
): Promise<Command> {
  const parsed = parseAppYaml(content.specText);
  if (!parsed.ok)
    throw new Problem(
      400,
      "invalid_app_yaml",
      `the app.yaml has ${parsed.faults.length} fault${parsed.faults.length === 1 ? "" : "s"}, the first at ${parsed.faults[0]?.field}: ${parsed.faults[0]?.message}`,
      { faults: parsed.faults },
    );
  const { spec } = parsed;
  const hosts = new Set(Object.values(spec.elb ?? {}).flatMap((entry) => entry.hosts));
  await askEngine(
    live,
    [...hosts].map((host) => ({ host, content: sectionRoute(spec, host).content })),
  );
  const ids = { app, release: content.release };
  const wish = { type: "RegisterRelease", app, ...content, spec } as const;
  return command(app, () => wish, ids);
}

function command(
  app: string,
  wish: (intent: Intent) => AppCommand,
  ids: Record<string, string> = { app },
): Command {
  const subject = subjects.app(app);
  return {
    reads: [],
    writes: [subject],
    decide: (intent) => about(subject, ids, decider.decide(intent.apps.get(app), wish(intent))),
  };
}

/** Owned by the app, or with a rule that sends to it. */
const isOf = ({ app: owner, rules }: RouteContent, app: string): boolean =>
  owner === app || rules.flatMap(selectorsOf).some(({ selector }) => selector.app === app);

function usersOf(app: string, intent: Intent): { deployments: string[]; hosts: string[] } {
  const deployments: string[] = [];
  for (const [id, state] of intent.deployments)
    if (state.phase === "live" && state.template.app === app) deployments.push(id);
  const hosts: string[] = [];
  for (const [host, state] of intent.routes)
    if (state.phase === "declared" && isOf(state.content, app)) hosts.push(host);
  return { deployments, hosts };
}
