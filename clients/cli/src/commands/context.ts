import type { Cli } from "../cli.ts";
import { findContext, maskToken } from "../context.ts";
import { details } from "../render/table.ts";
import { group } from "./common.ts";

/** `eru context`. */
export function addContext(cli: Cli): void {
  group(cli, "context", "where the servers are and who we are")
    .command("show")
    .description("the context in use; the token is hidden")
    .option("--reveal", "show the token")
    .action(({ reveal }: { reveal?: true }) => {
      const { source, commandUrl, queryUrl, elbUrl, token } = findContext(cli.io, cli.options.context);
      const shown = reveal ? token : maskToken(token);
      cli.answer({ source, commandUrl, queryUrl, elbUrl, token: shown }, () =>
        details(
          [
            ["from", source],
            ["commands", commandUrl],
            ["queries", queryUrl],
            ["load balancer", elbUrl],
            ["token", shown],
          ],
          cli.look,
        ),
      );
    });
}
