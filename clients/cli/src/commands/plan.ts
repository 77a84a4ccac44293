import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { drainPlanText } from "../render/drain-plan.ts";
import { planText } from "../render/plan.ts";
import { upgradePlanText } from "../render/upgrade-plan.ts";
import { readPlan } from "../saved-plan.ts";
import { group } from "./common.ts";
import { request, type WaitOptions } from "./deploy.ts";
import { requestDrain } from "./node-drain.ts";
import { option } from "./options.ts";
import { requestUpgrade } from "./upgrade.ts";

/** `eru plan`. */
export function addPlan(cli: Cli): void {
  const plan = group(
    cli,
    "plan",
    "plans that a dry run saved: of a deployment, an upgrade or a node's drain",
  );
  plan
    .command("show")
    .description("what a saved plan would do, as things were when it was made")
    .argument("<file>")
    .action((file: string) => {
      const saved = readPlan(cli, file);
      cli.answer(saved, () => savedText(cli, saved));
    });
  plan
    .command("apply")
    .description("do as planned; refused, with the difference, when it would come out otherwise now")
    .argument("<file>")
    .addOption(option.wait())
    .addOption(option.timeout())
    .action((file: string, options: WaitOptions) =>
      cli.withApi((api) => apply(cli, api, readPlan(cli, file), options)),
    );
}

type Saved = ReturnType<typeof readPlan>;

function savedText(cli: Cli, saved: Saved): string {
  const made = `made at sequence ${saved.reply.atSeq}`;
  if ("upgrade" in saved)
    return `plan for an upgrade of ${saved.upgrade}, ${made}: ${upgradePlanText(saved.reply, cli.look)}`;
  if ("drain" in saved)
    return `plan for a drain of node ${saved.drain}, ${made}: ${drainPlanText(saved.reply, cli.look)}`;
  const { app, entrypoint, release = "newest", pod, count } = saved.request;
  return `plan for ${count} of ${app}/${entrypoint}, release ${release}, in pod ${pod}, ${made}: ${planText(saved.reply, saved.request, cli.look)}`;
}

async function apply(cli: Cli, api: Api, saved: Saved, options: WaitOptions): Promise<void> {
  if ("upgrade" in saved) {
    const { reasons: _, deployment: __, release: ___, ...expect } = saved.reply;
    await requestUpgrade(cli, api, saved.upgrade, { ...saved.request, expect }, options);
  } else if ("drain" in saved) {
    const { atSeq, deploymentsTotal } = saved.reply;
    const deployments = saved.reply.deployments.map(({ reasons: _, risks: __, ...moved }) => moved);
    const body = { ...saved.request, expect: { atSeq, deploymentsTotal, deployments } };
    await requestDrain(cli, api, saved.drain, body, options);
  } else {
    const { atSeq, placed, waiting, preemption } = saved.reply;
    const displaced = preemption?.places.flatMap(({ victims }) => victims.map(({ workload }) => workload));
    const expect = { atSeq, placed, waiting, ...(displaced && { displaced }) };
    await request(cli, api, { ...saved.request, expect }, options);
  }
}
