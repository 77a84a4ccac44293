import { Cli, run } from "./cli.ts";
import { addCommands } from "./commands/index.ts";
import { interruptedCode } from "./errors.ts";
import { processIo } from "./io.ts";

// The first Ctrl-C ends the command in order, the second at once.
const stop = new AbortController();
process.on("SIGINT", () => {
  if (stop.signal.aborted) process.exit(interruptedCode);
  stop.abort();
});

const cli = new Cli(processIo(stop.signal));
addCommands(cli);
process.exitCode = await run(cli, process.argv.slice(2));
