import type { Command } from "commander";
import { z } from "zod";
import type { Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { type Column, table } from "../render/table.ts";

/** A group of commands below one word. */
export const group = (cli: Cli, name: string, description: string): Command =>
  cli.program.command(name).description(description).helpCommand(false);

/** A path with names in it; whatever a name holds, it stays one part of the path. */
export const path = (parts: TemplateStringsArray, ...names: readonly string[]): string =>
  parts.reduce((all, part, index) => all + encodeURIComponent(names[index - 1] ?? "") + part);

/** Answers with a list; an empty one says how to change that. */
export function answerList<Row>(
  cli: Cli,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty: string,
): void {
  cli.answer(rows, () => (rows.length === 0 ? `${empty}\n` : table(columns, rows, cli.look)));
}

/**
 * Answers a command once the queries show it, so that a list right after it does. The command stands whatever the view
 * does: one that cannot be reached is said, not failed.
 */
export async function recorded(cli: Cli, api: Api, answer: Recorded, text: string): Promise<void> {
  await shown(cli, api, answer.seq);
  cli.answer(answer, () => (answer.changed ? `${text}\n` : `${text}: it was so already\n`));
}

/** Waits until the view has reached a sequence. */
async function shown(cli: Cli, api: Api, seq: number): Promise<void> {
  try {
    await api.query("/v1/status", z.unknown(), { after: seq });
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) throw error;
    cli.say(`eru: recorded at sequence ${seq}, but lists may not show it yet: ${error.message}\n`);
  }
}
