import { resolve } from "node:path";
import { Option } from "commander";
import { Api } from "./api.ts";
import type { Cli } from "./cli.ts";
import { seqMax } from "./commands/options.ts";
import { CliError, exitCodes } from "./errors.ts";
import { parseWhole } from "./quantities.ts";

/** Of a command that can be tried: the exported log that is asked instead of the servers, and as of when. */
export type OfflineOptions = { log?: string; at?: number };

/** The options for it; `--log` goes with a dry run. */
export const offlineOption = {
  log: () =>
    new Option("--log <file>", "with --dry-run: ask an exported log, not the servers (`eru log export`)"),
  at: () =>
    new Option(
      "--at <seq>",
      "with --log: as it was at this sequence (default: the end of the file)",
    ).argParser(parseWhole(1, seqMax)),
};

/** Refuses a log file where something would be recorded. */
export function forDryRuns({ log, at, dryRun }: OfflineOptions & { dryRun?: true | undefined }): void {
  if (log !== undefined && !dryRun)
    throw new CliError(
      exitCodes.usage,
      "--log asks an exported log, in which nothing can be recorded: add --dry-run",
    );
  if (at !== undefined && log === undefined)
    throw new CliError(exitCodes.usage, "--at says as of when an exported log is asked: add --log <file>");
}

/** Works with the servers or, when one is named, with an exported log. */
export async function withZone(
  cli: Cli,
  { log, at }: OfflineOptions,
  work: (api: Api) => Promise<void>,
): Promise<void> {
  if (log === undefined) return await cli.withApi(work);
  // The parts of a zone are loaded only by those who ask one in a file.
  const lib = await import("@eru/offline");
  const path = resolve(cli.io.cwd, log);
  try {
    await using zone = await lib.openOffline(path, at);
    cli.say(`eru: as of sequence ${zone.seq} of ${log}; no server is asked\n`);
    const context = { commandUrl: zone.url, queryUrl: zone.url, token: zone.token, source: path };
    await using api = new Api(context, cli.io.signal);
    await work(api);
  } catch (error) {
    if (!(error instanceof lib.LogFileError)) throw error;
    throw new CliError(exitCodes.usage, error.message, {
      code: error.code,
      next: "export the log again with `eru log export <file>`",
      cause: error,
    });
  }
}
