import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseWhole } from "../quantities.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";

type Options = { waitDeadline?: number | false };

/** `eru deployment priority`. */
export function addPriority(cli: Cli, deployment: Command): void {
  deployment
    .command("priority")
    .description("change a deployment's priority, or how long it waits for room; what runs is not touched")
    .argument("<deployment>")
    .argument(
      "[priority]",
      "0 to 100: of those that want the same room the higher gets it first",
      parseWhole(0, 100),
    )
    .addOption(option.waitDeadline())
    .option("--no-wait-deadline", "let it wait without end")
    .action((id: string, priority: number | undefined, { waitDeadline }: Options) =>
      cli.withApi(async (api) => {
        const body = {
          ...(priority !== undefined && { priority }),
          ...(typeof waitDeadline === "number" && { waitDeadlineMs: waitDeadline }),
          ...(waitDeadline === false && { waitDeadlineMs: null }),
        };
        if (Object.keys(body).length === 0)
          throw new CliError(exitCodes.usage, "name what shall change: a priority, or --wait-deadline", {
            next: "as in `eru deployment priority shop-web-abc123 80`",
          });
        const answer = await api.order("PUT", path`/v1/deployments/${id}/turn`, body);
        const text = priority === undefined ? "another wait deadline" : `priority ${priority}`;
        await recorded(cli, api, answer, `${id}: ${text} asked for`);
      }),
    );
}
