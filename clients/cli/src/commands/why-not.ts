import { WhyNotReply } from "@eru/events";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
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
    .action((node: string, deployment: string, { at }: { at?: number }) =>
      cli.withApi(async (api) => {
        const asked = path`/v1/deployments/${deployment}/why-not/${node}`;
        const reply = await api.ask(asked, WhyNotReply, { at });
        cli.answer(reply, () => whyNotText(reply, cli.look));
      }),
    );
}
