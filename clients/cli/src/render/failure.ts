import { CliError, exitCodes } from "../errors.ts";
import { oneLine } from "./text.ts";

/** A failure in words: what, then each fault, then the next step. */
export function failureText(error: unknown): string {
  const lines = [`eru: ${shortened(error)}`];
  if (error instanceof CliError) {
    // A server names a single fault twice: as the fault and as the whole.
    for (const { field, value, message } of error.faults.filter((fault) => fault.message !== error.message))
      lines.push(`  ${field}${value === undefined ? "" : ` = ${shown(value)}`}: ${message}`);
    if (error.next) lines.push(`  → ${error.next}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The server's sentence about a list of faults speaks of its JSON; below this line they stand in words. */
const shortened = (error: unknown): string =>
  error instanceof CliError && error.code === "invalid_request" && error.faults.length > 0
    ? "the request is not valid"
    : messageOf(error);

/** The same for scripts. */
export function failureJson(error: unknown): string {
  const failure =
    error instanceof CliError
      ? {
          message: error.message,
          exitCode: error.exitCode,
          ...(error.code && { code: error.code }),
          ...(error.faults.length > 0 && { faults: error.faults }),
          ...(error.next && { next: error.next }),
        }
      : { message: messageOf(error), exitCode: exitCodes.notTrue };
  return `${JSON.stringify({ error: failure })}\n`;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const shown = (value: unknown): string => oneLine(JSON.stringify(value) ?? String(value));
