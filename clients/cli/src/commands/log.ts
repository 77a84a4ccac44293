import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import type { ExportHeader, ExportLine } from "@eru/offline/format";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { followFeed } from "../feed.ts";
import { parseWhole } from "../quantities.ts";
import { type LogEvent, Zone } from "../views.ts";
import { group } from "./common.ts";
import { seqMax } from "./options.ts";

/** `eru log`. */
export function addLog(cli: Cli): void {
  group(cli, "log", "the log as a file")
    .command("export")
    .description(
      "write the log into a file, one message a line: for dry runs with --log, and to keep; hashes of tokens and private keys stay out",
    )
    .argument("<file>")
    .option("--to <seq>", "up to this sequence (default: up to now)", parseWhole(1, seqMax))
    .action((file: string, { to }: { to?: number }) =>
      cli.withApi((api) => exportLog(cli, api, { path: resolve(cli.io.cwd, file), to })),
    );
}

async function exportLog(
  cli: Cli,
  api: Api,
  { path, to }: { path: string; to: number | undefined },
): Promise<void> {
  const { seq } = await api.query("/v1/status", Zone);
  if (to !== undefined && to > seq)
    throw new CliError(exitCodes.usage, `the log ends at sequence ${seq}: --to ${to} is beyond it`);
  const upTo = to ?? seq;
  if (upTo === 0) throw new CliError(exitCodes.notTrue, "the log is empty: there is nothing to export");
  // It holds the environments of workloads.
  const file = createWriteStream(path, { mode: 0o600 });
  const failed = once(file, "close");
  const write = async (line: ExportHeader | ExportLine): Promise<void> => {
    if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, "drain");
  };
  try {
    await write({ format: "eru-log-1", upTo });
    for await (const line of messages(api, upTo)) await write(line);
    file.end();
    await failed;
  } catch (error) {
    file.destroy();
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new CliError(exitCodes.usage, `the log cannot be written to ${path}: ${error.message}`, {
      cause: error,
    });
  }
  cli.answer({ file: path, upTo }, () => `the log up to sequence ${upTo} is in ${path}\n`);
}

/** The messages of the log from its first on, each with all of its events. */
async function* messages(api: Api, upTo: number): AsyncGenerator<ExportLine> {
  const end = new AbortController();
  const signal = AbortSignal.any([api.signal, end.signal]);
  let line: ExportLine | undefined;
  try {
    for await (const item of followFeed(api.context, { topics: ["events"], from: 1, signal })) {
      if (item.type === "caught-up") break;
      if (item.type !== "event") continue;
      if (line && item.event.seq !== line.seq) yield line;
      if (item.event.seq > upTo) return;
      line = withEvent(item.event.seq === line?.seq ? line : undefined, item.event);
    }
    if (line) yield line;
  } finally {
    end.abort();
  }
}

function withEvent(line: ExportLine | undefined, event: LogEvent): ExportLine {
  const { seq, subject, id, time, actor, type, correlationId, causationId, payload } = event;
  const commandId = event["commandId"];
  return {
    ...{ seq, subject, id: id.slice(0, id.lastIndexOf("/")), time, actor },
    ...(typeof commandId === "string" && { commandId }),
    events: [...(line?.events ?? []), { type, correlationId, causationId, payload }],
  };
}
