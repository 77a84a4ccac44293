import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseWhole } from "../quantities.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";

type Options = { waitDeadline?: number | false; preempt?: boolean };

/** `eru deployment priority`. */
export function addPriority(cli: Cli, deployment: Command): void {
  deployment
    .command("priority")
    .description(
      "change a deployment's priority, how long it waits for room, or whether it may displace others",
    )
    .argument("<deployment>")
    .argument(
      "[priority]",
      "0 to 100: of those that want the same room the higher gets it first",
      parseWhole(0, 100),
    )
    .addOption(option.waitDeadline())
    .option("--no-wait-deadline", "let it wait without end")
    .addOption(option.preempt())
    .option("--no-preempt", "displace nobody")
    .action((id: string, priority: number | undefined, { waitDeadline, preempt }: Options) =>
      cli.withApi(async (api) => {
        const body = {
          ...(priority !== undefined && { priority }),
          ...(typeof waitDeadline === "number" && { waitDeadlineMs: waitDeadline }),
          ...(waitDeadline === false && { waitDeadlineMs: null }),
          ...(preempt !== undefined && { preempt }),
        };
        if (Object.keys(body).length === 0)
          throw new CliError(
            exitCodes.usage,
            "name what shall change: a priority, --wait-deadline or --preempt",
            {
              next: "as in `eru deployment priority shop-web-abc123 80`",
            },
          );
        const answer = await api.order("PUT", path`/v1/deployments/${id}/turn`, body);
        const text = priority === undefined ? "another turn" : `priority ${priority}`;
        await recorded(cli, api, answer, `${id}: ${text} asked for`);
      }),
    );
}
