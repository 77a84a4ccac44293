import { resolve } from "node:path";
import type { Cli } from "../cli.ts";
import { type Context, findContext } from "../context.ts";
import { CliError, exitCodes } from "../errors.ts";

/** Where an installation lives, when it is said. */
export type HomeOption = { home?: string };

/** The option for it. */
export const homeFlags = [
  "--home <directory>",
  "where the installation lives (default: ERU_HOME, else /var/lib/eru for root)",
] as const;

/** The library that runs a single machine, loaded only by the commands that need it: most talk to servers alone. */
const local = () => import("@eru/local");

/** Works with that library; its failures are failures of the command. */
export async function withLocal(
  work: (lib: Awaited<ReturnType<typeof local>>) => Promise<void>,
): Promise<void> {
  const lib = await local();
  try {
    await work(lib);
  } catch (error) {
    if (!(error instanceof lib.LocalError)) throw error;
    throw new CliError(exitCodes.notTrue, error.message, { code: error.code, cause: error });
  }
}

/** The directory meant: the one said, or another. */
export const homeOf = (cli: Cli, { home }: HomeOption, otherwise: string): string =>
  home === undefined ? otherwise : resolve(cli.io.cwd, home);

/** The context that commands use here; undefined when there is none. */
export function contextInUse(cli: Cli): Context | undefined {
  try {
    return findContext(cli.io, cli.options.context);
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}
