import type { CommandResult } from "@eru/events";
import { type Engine, EngineRefusedError } from "./engine.ts";

/** How much of what a command writes is kept, in bytes. */
const outputBytesMax = 200;
/** Characters of the command itself that are shown. */
const commandMax = 200;

/** A command as people write it. */
const shown = (command: readonly string[]): string => JSON.stringify(command).slice(0, commandMax);

/** Runs a command in a container and says what became of it. @throws EngineUnreachableError @throws EngineTimeoutError */
export async function runCommand(
  engine: Engine,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  const said = { command: shown(command) };
  try {
    const result = await engine.exec(containerId, command, { timeoutMs, outputBytesMax });
    if ("exitCode" in result) return { ...said, exitCode: result.exitCode, output: result.output };
    const end = result.ended ? "it was ended" : "it cannot be ended apart from the container";
    return { ...said, output: result.output, error: `not over after ${timeoutMs} ms: ${end}` };
  } catch (error) {
    if (!(error instanceof EngineRefusedError)) throw error;
    return { ...said, output: "", error: error.message };
  }
}

/** Why a health check's command does not say healthy; undefined when it does. */
export async function commandFault(
  engine: Engine,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<string | undefined> {
  const {
    exitCode,
    output,
    error,
    command: said,
  } = await runCommand(engine, containerId, command, timeoutMs);
  if (exitCode === 0) return undefined;
  const how = error ?? `exit code ${exitCode}`;
  return `command ${said}: ${how}${output === "" ? "" : `: ${output}`}`;
}
