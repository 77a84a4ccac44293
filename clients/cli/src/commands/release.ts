import type { Cli } from "../cli.ts";
import { CliError } from "../errors.ts";
import { showAge } from "../quantities.ts";
import { commitOf, pointInto, readSpec } from "../release-source.ts";
import { moment } from "../render/event.ts";
import { type Column, details } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { Release, ReleaseText } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";

type RegisterOptions = { file: string; image: string; release?: string };

/** `eru release`. */
export function addRelease(cli: Cli): void {
  const release = group(cli, "release", "built versions of an app");
  release
    .command("list")
    .alias("ls")
    .description("an app's releases, newest first")
    .argument("<app>")
    .action((app: string) =>
      cli.withApi(async (api) => {
        const releases = await api.list(path`/v1/apps/${app}/releases`, Release);
        const empty = `app ${app} has no release yet: register one with \`eru release register ${app}\``;
        answerList(cli, releases, releaseColumns(cli), empty);
      }),
    );
  release
    .command("show")
    .description("one release with its app.yaml")
    .argument("<app>")
    .argument("<release>")
    .action((app: string, name: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/releases/${app}/${name}`, ReleaseText);
        cli.answer(
          one,
          () => `${details(releaseDetails(one), cli.look)}\n${printable(one.specText).trimEnd()}\n`,
        );
      }),
    );
  release
    .command("register")
    .description("register a release: its app.yaml and the image that was built from the same commit")
    .argument("<app>")
    .requiredOption("--file <app.yaml>", "the app.yaml")
    .requiredOption("--image <image>", "the image, as [registry/]name[:tag|@digest]")
    .option("--release <release>", "name of the release (default: the commit of the file's git repository)")
    .action((app: string, options: RegisterOptions) =>
      cli.withApi((api) => register(cli, api, app, options)),
    );
}

async function register(
  cli: Cli,
  api: Parameters<typeof recorded>[1],
  app: string,
  options: RegisterOptions,
) {
  const spec = readSpec(options.file, cli.io.cwd);
  const commit = options.release === undefined ? await commitOf(spec.path) : undefined;
  if (commit?.changed)
    cli.say(
      `eru: files beside ${options.file} differ from commit ${commit.sha.slice(0, 12)}, which names the release\n`,
    );
  const name = options.release ?? commit?.sha ?? "";
  const body = {
    release: name,
    ...(commit && { gitSha: commit.sha }),
    image: options.image,
    specText: spec.text,
  };
  try {
    const answer = await api.order("POST", path`/v1/apps/${app}/releases`, body);
    await recorded(cli, api, answer, `release ${name} of app ${app} registered`);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== "invalid_app_yaml") throw error;
    throw new CliError(error.exitCode, `${options.file} is not a valid app.yaml`, {
      faults: pointInto(spec, error.faults),
      code: error.code,
      cause: error,
    });
  }
}

/** How releases are listed. */
export const releaseColumns = (cli: Cli): readonly Column<Release>[] => [
  { title: "release", cell: (release) => release.release },
  { title: "image", cell: (release) => release.image, flexible: true },
  { title: "entrypoints", cell: (release) => release.entrypoints.join(" "), flexible: true },
  {
    title: "age",
    cell: (release) => showAge(cli.io.now() - Date.parse(release.registeredAt)),
    align: "right",
  },
  { title: "by", cell: (release) => release.registeredBy },
];

const releaseDetails = (one: Release) =>
  [
    ["app", one.app],
    ["release", one.release],
    ["commit", one.gitSha ?? undefined],
    ["image", one.image],
    ["registered", `${moment(one.registeredAt)} by ${one.registeredBy}`],
  ] as const;
