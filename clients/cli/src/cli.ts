import { Command, CommanderError } from "commander";
import { Api } from "./api.ts";
import { findContext } from "./context.ts";
import { CliError, type ExitCode, exitCodes, interruptedCode } from "./errors.ts";
import type { Io } from "./io.ts";
import { failureJson, failureText } from "./render/failure.ts";
import type { Look } from "./render/table.ts";
import { painter } from "./render/text.ts";

/** Options that every command knows. */
export type GlobalOptions = { json?: true; context?: string; commandId?: string };

/** What a command group gets: the world, the servers, and how to answer. */
export class Cli {
  readonly io: Io;
  readonly look: Look;
  readonly program = new Command("eru");
  exitCode: ExitCode = exitCodes.ok;

  constructor(io: Io) {
    this.io = io;
    this.look = { columns: io.columns, paint: painter(io.colour) };
  }

  get options(): GlobalOptions {
    return this.program.opts();
  }

  /** Calls the servers and closes the connections afterwards. */
  async withApi(work: (api: Api) => Promise<void>): Promise<void> {
    const { context, commandId } = this.options;
    await using api = new Api(findContext(this.io, context), this.io.signal, commandId);
    await work(api);
  }

  /** The answer: one JSON document, or text for people. */
  answer(document: unknown, text: () => string): void {
    this.io.out(this.options.json ? `${JSON.stringify(document, undefined, 2)}\n` : text());
  }

  /** Something worth knowing besides the answer. Scripts that asked for JSON are not told. */
  say(text: string): void {
    if (!this.options.json) this.io.err(text);
  }
}

/** Runs a command line and returns the exit status. Nothing is thrown. */
export async function run(cli: Cli, parameters: readonly string[]): Promise<number> {
  try {
    await cli.program.parseAsync(parameters, { from: "user" });
    return cli.exitCode;
  } catch (error) {
    return report(cli, error);
  }
}

function report(cli: Cli, error: unknown): number {
  if (cli.io.signal.aborted) return interruptedCode;
  // Commander has printed its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  cli.io.err(cli.options.json ? failureJson(error) : failureText(error));
  if (error instanceof CliError) return error.exitCode;
  if (cli.io.env["ERU_DEBUG"] && error instanceof Error) cli.io.err(`${error.stack}\n`);
  return exitCodes.notTrue;
}
