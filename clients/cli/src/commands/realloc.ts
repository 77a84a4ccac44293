import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Api, Recorded } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseCpu, parseMemory, showSpan } from "../quantities.ts";
import { resourcesText } from "../render/resources.ts";
import { Deployment, inOrder, Workload } from "../views.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";
import { untilOver } from "./workload-change.ts";

type Options = {
  cpu?: number;
  cpuLimit?: number;
  memory?: number;
  memoryLimit?: number;
  bind?: true;
  unbind?: true;
  wait?: true;
  timeout: number;
};

/** Between two looks at the workloads of a deployment, in milliseconds. */
const lookMs = 300;

const reallocCommand = (parent: Command, description: string, argument: string): Command =>
  parent
    .command("realloc")
    .description(description)
    .argument(argument)
    .addOption(option.cpu("CPU to book, and to use at most unless said otherwise"))
    .addOption(option.memory("memory to book, and to use at most unless said otherwise"))
    .addOption(new Option("--cpu-limit <cores>", "CPU it may use at most").argParser(parseCpu))
    .addOption(new Option("--memory-limit <amount>", "memory it may use at most").argParser(parseMemory))
    .addOption(new Option("--bind", "cores for itself alone").conflicts("unbind"))
    .addOption(new Option("--unbind", "the cores that are shared by all that are not bound"))
    .addOption(option.wait())
    .addOption(option.timeout());

/** `eru workload realloc`. */
export function addWorkloadRealloc(cli: Cli, workload: Command): void {
  reallocCommand(
    workload,
    "give a running workload other CPU and memory, absolute amounts",
    "<workload>",
  ).action((id: string, options: Options) =>
    cli.withApi(async (api) => {
      const answer = await api.order("POST", path`/v1/workloads/${id}/realloc`, bodyOf(options));
      if (!options.wait) return await recorded(cli, api, answer, `${id}: other resources asked for`);
      const after = await untilOver(cli, api, { id, answer, timeoutMs: options.timeout });
      return cli.answer(after, () => `${id} has ${resourcesText(after.resources)} on ${after.node}\n`);
    }),
  );
}

/** `eru deployment realloc`. */
export function addDeploymentRealloc(cli: Cli, deployment: Command): void {
  reallocCommand(
    deployment,
    "give all workloads of a deployment other CPU and memory while they run, and those to come",
    "<deployment>",
  ).action((id: string, options: Options) =>
    cli.withApi(async (api) => {
      const answer = await api.order("POST", path`/v1/deployments/${id}/realloc`, bodyOf(options));
      if (!options.wait || !answer.changed)
        return await recorded(cli, api, answer, `${id}: other resources asked for`);
      const all = await untilAllHave(cli, api, { id, answer, timeoutMs: options.timeout });
      const refused = all.filter((one) => stepOf(one, answer) === "refused");
      for (const one of refused) cli.say(`${one.workload}: ${one.change?.detail ?? "refused"}\n`);
      if (refused.length > 0)
        throw new CliError(exitCodes.notTrue, `${refused.length} of ${all.length} keep what they have`, {
          next: "make room and ask again: those that have it already are left alone",
        });
      return cli.answer(all, () => `${id}: all ${all.length} have it\n`);
    }),
  );
}

function bodyOf({ cpu, cpuLimit, memory, memoryLimit, bind, unbind }: Options) {
  const body = {
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memoryMib: memory }),
    ...(cpuLimit !== undefined && { cpuLimit }),
    ...((bind || unbind) && { bind: bind === true }),
    ...(memoryLimit !== undefined && { memoryLimitMib: memoryLimit }),
  };
  if (Object.keys(body).length === 0)
    throw new CliError(
      exitCodes.usage,
      "name what shall change: --cpu, --memory, their limits, --bind or --unbind",
    );
  return body;
}

const stepOf = ({ change }: Workload, { seq }: Recorded): string | undefined =>
  change?.change === "realloc" && change.seq >= seq ? change.step : undefined;

type Waited = { id: string; answer: Recorded; timeoutMs: number };

/** Until every workload that was there has been answered; one that leaves needs none. */
async function untilAllHave(cli: Cli, api: Api, { id, answer, timeoutMs }: Waited): Promise<Workload[]> {
  for (const endMs = performance.now() + timeoutMs; ; ) {
    await api.query(path`/v1/deployments/${id}`, Deployment, { after: answer.seq });
    const all = inOrder(await api.list("/v1/workloads", Workload, { deployment: id }));
    const open = all.filter(
      (one) =>
        one.placedSeq < answer.seq &&
        !["draining", "stopping", "lost"].includes(one.state) &&
        !["done", "refused"].includes(stepOf(one, answer) ?? ""),
    );
    if (open.length === 0) return all;
    if (performance.now() > endMs)
      throw new CliError(
        exitCodes.notTrue,
        `${open.length} of ${all.length} have not answered after ${showSpan(timeoutMs)}`,
        {
          next: `it goes on: \`eru workload list --deployment ${id}\``,
        },
      );
    await sleep(lookMs, undefined, { signal: cli.io.signal });
  }
}
