import type { Cli } from "../cli.ts";
import { planText } from "../render/plan.ts";
import { readPlan } from "../saved-plan.ts";
import { group } from "./common.ts";
import { request, type WaitOptions } from "./deploy.ts";
import { option } from "./options.ts";

/** `eru plan`. */
export function addPlan(cli: Cli): void {
  const plan = group(cli, "plan", "plans that a dry run saved");
  plan
    .command("show")
    .description("what a saved plan would place, as things were when it was made")
    .argument("<file>")
    .action((file: string) => {
      const saved = readPlan(cli, file);
      const { request: asked, reply } = saved;
      const { app, entrypoint, release = "newest", pod, count } = asked;
      cli.answer(
        saved,
        () =>
          `plan for ${count} of ${app}/${entrypoint}, release ${release}, in pod ${pod}, made at sequence ${reply.atSeq}: ${planText(reply, asked, cli.look)}`,
      );
    });
  plan
    .command("apply")
    .description(
      "deploy as planned; refused, with the difference, when the placement would be another one now",
    )
    .argument("<file>")
    .addOption(option.wait())
    .addOption(option.timeout())
    .action((file: string, options: WaitOptions) =>
      cli.withApi(async (api) => {
        const { request: asked, reply } = readPlan(cli, file);
        const { atSeq, placed, waiting } = reply;
        await request(cli, api, { ...asked, expect: { atSeq, placed, waiting } }, options);
      }),
    );
}
