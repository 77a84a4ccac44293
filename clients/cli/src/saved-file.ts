import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { z } from "zod";
import type { Cli } from "./cli.ts";
import { CliError, exitCodes } from "./errors.ts";

/** Writes a saved plan for its owner alone: a request may hold an environment with secrets. */
export function writeSaved(cli: Cli, file: string, plan: object): void {
  const path = resolve(cli.io.cwd, file);
  try {
    writeFileSync(path, `${JSON.stringify(plan, undefined, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `the plan cannot be written to ${path}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** Reads what `writeSaved` wrote; `next` says how to make a plan that can be read. */
export function readSaved<S extends z.ZodType>(cli: Cli, file: string, schema: S, next: string): z.output<S> {
  const path = resolve(cli.io.cwd, file);
  const notAPlan = (why: string): CliError =>
    new CliError(exitCodes.usage, `${path} is no saved plan: ${why}`, { next });
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw notAPlan((error as Error).message);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [fault] = parsed.error.issues;
  throw notAPlan(fault ? `${fault.path.join(".") || "it"}: ${fault.message}` : "it is none");
}
