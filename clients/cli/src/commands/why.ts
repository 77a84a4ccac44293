import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseWhole } from "../quantities.ts";
import { deploymentWhy, workloadWhy } from "../render/why.ts";
import { Decision, DeploymentReasons, LogEvent, type WhyDeployment, WhyWorkload } from "../views.ts";
import { path } from "./common.ts";
import { seqMax } from "./options.ts";
import { addWhyNot } from "./why-not.ts";

/** Decisions, and orders of users, that are shown of a deployment. */
const eventsMax = 20;

/** `eru why`. */
export function addWhy(cli: Cli): void {
  const parent = cli.program
    .command("why")
    .description("why a workload is where it is, or a deployment as it is: decisions, reasons, causes")
    .argument("<workload|deployment>")
    .option(
      "--at <seq>",
      "of a workload: what had happened up to this sequence of the log (default: now)",
      parseWhole(1, seqMax),
    )
    .action((id: string, { at }: { at?: number }) => cli.withApi((api) => why(cli, api, id, at)));
  addWhyNot(cli, parent);
}

async function why(cli: Cli, api: Api, id: string, at: number | undefined): Promise<void> {
  // A workload's id is its deployment's with a number; but a deployment's may end in digits too.
  const workload = /-\d+$/.test(id)
    ? await unlessUnknown(api.query(path`/v1/why/workloads/${id}`, WhyWorkload, { at }))
    : undefined;
  if (workload) return cli.answer(workload, () => workloadWhy(workload, cli.look, cli.io.now(), at));
  if (at !== undefined)
    throw new CliError(exitCodes.usage, `${id} is no workload that was ever placed: --at asks about one`, {
      next: `run \`eru events --object deployment:${id}\`, or \`eru why not <node> ${id} --at ${at}\``,
    });
  const deployment = await unlessUnknown(whyDeployment(api, id));
  if (!deployment)
    throw new CliError(exitCodes.refused, `there is neither a workload nor a deployment ${id}`, {
      code: "deployment_unknown",
      next: "run `eru deployment list`, or `eru workload list --all`",
    });
  cli.answer(deployment, () => deploymentWhy(deployment, cli.look));
}

async function whyDeployment(api: Api, id: string): Promise<WhyDeployment> {
  const why = await api.query(path`/v1/why/deployments/${id}`, DeploymentReasons, { limit: eventsMax });
  const about = { object: `deployment:${id}`, order: "desc" };
  const orders = await api.list("/v1/events", LogEvent, { ...about, kind: "deployment" }, eventsMax);
  const placed = await api.list("/v1/events", Decision, { ...about, type: "PlacementDecided" }, 1);
  return { ...why, orders, placement: placed[0] };
}

async function unlessUnknown<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CliError && /^(workload|deployment)_unknown$/.test(error.code ?? ""))
      return undefined;
    throw error;
  }
}
