import { WhyNotReply } from "@eru/events";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { type OfflineOptions, withZone } from "../offline.ts";
import { parseWhole } from "../quantities.ts";
import { whyNotText } from "../render/why-not.ts";
import { path } from "./common.ts";
import { seqMax } from "./options.ts";

/** `eru why not <node> <deployment>`. */
export function addWhyNot(cli: Cli, why: Command): void {
  why
    .command("not")
    .description(
      "why a deployment gets nothing more on a node, or how the node stands among those that could",
    )
    .argument("<node>")
    .argument("<deployment>")
    .option(
      "--at <seq>",
      "as it was at this sequence of the log (default: now); on a long log it takes up to 20 seconds at a time",
      parseWhole(1, seqMax),
    )
    .option("--log <file>", "ask an exported log instead of the servers (`eru log export`)")
    .action((node: string, deployment: string, _: OfflineOptions, command: Command) => {
      // `why` has an `--at` as well, and an option of both is given to the outer one.
      const options = command.optsWithGlobals<OfflineOptions>();
      return withZone(cli, options, async (api) => {
        const asked = path`/v1/deployments/${deployment}/why-not/${node}`;
        // A file is read no further than to there.
        const at = options.log === undefined ? options.at : undefined;
        const reply = await api.ask(asked, WhyNotReply, { at });
        cli.answer(reply, () => whyNotText(reply, cli.look));
      });
    });
}
