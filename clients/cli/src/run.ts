import { Cli, run } from "./cli.ts";
import { addCommands } from "./commands/index.ts";
import { interruptedCode } from "./errors.ts";
import { processIo } from "./io.ts";

/** The whole program in this process: its exit status. The first Ctrl-C ends it in order, the second at once. */
export async function main(parameters: readonly string[]): Promise<number> {
  const stop = new AbortController();
  process.on("SIGINT", () => {
    if (stop.signal.aborted) process.exit(interruptedCode);
    stop.abort();
  });
  const cli = new Cli(processIo(stop.signal));
  addCommands(cli);
  return await run(cli, parameters);
}
