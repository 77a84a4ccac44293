import { Option } from "commander";
import { z } from "zod";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { parseMemory, parseWhole, showCpu, showMemory } from "../quantities.ts";
import { type Column, details } from "../render/table.ts";
import { answerList, group, path, recorded } from "./common.ts";
import { option } from "./options.ts";

const Amounts = z.looseObject({
  instances: z.int(),
  cpu: z.number(),
  memoryMib: z.int(),
  storageMib: z.int(),
  gpus: z.int(),
});
const Quota = z.looseObject({
  quota: z.string(),
  app: z.string().nullable(),
  pod: z.string().nullable(),
  limits: Amounts.partial(),
  used: Amounts,
  over: z.array(z.string()),
  deployments: z.int(),
});
type Quota = z.infer<typeof Quota>;
type Kind = "instances" | "cpu" | "memoryMib" | "storageMib" | "gpus";

type Options = {
  app?: string;
  pod?: string;
  instances?: number;
  cpu?: number;
  memory?: number;
  storage?: number;
  gpu?: number;
};

const most = Number.MAX_SAFE_INTEGER;

/** `eru quota`. */
export function addQuota(cli: Cli): void {
  const quota = group(cli, "quota", "what deployments may wish together, by app, by pod, or by app in a pod");
  quota
    .command("list")
    .alias("ls")
    .description("all quotas, with what is used of them")
    .option("--app <app>", "only of this app")
    .addOption(option.pod())
    .action((query: { app?: string; pod?: string }) =>
      cli.withApi(async (api) => {
        const quotas = await api.list("/v1/quotas", Quota, query);
        answerList(
          cli,
          quotas,
          columns,
          "there are no quotas: set one with `eru quota set --app <app> --cpu 8`",
        );
      }),
    );
  quota
    .command("show")
    .description("one quota, with what is used of it")
    .argument("<quota>", "its name, as app_shop, pod_demo or app_shop_pod_demo")
    .action((name: string) => cli.withApi((api) => show(cli, api, name)));
  quota
    .command("set")
    .description("set a quota: absolute amounts, what is not named is not limited")
    .option("--app <app>", "for the deployments of this app")
    .addOption(option.pod("for the deployments in this pod"))
    .addOption(new Option("--instances <n>", "workloads in all").argParser(parseWhole(0, most)))
    .addOption(option.cpu("CPU in all"))
    .addOption(option.memory("memory in all"))
    .addOption(new Option("--storage <amount>", "storage and volumes in all").argParser(parseMemory))
    .addOption(new Option("--gpu <n>", "cards in all").argParser(parseWhole(0, most)))
    .action((options: Options) => cli.withApi((api) => set(cli, api, options)));
  quota
    .command("remove")
    .alias("rm")
    .description("remove a quota: from now on nothing is refused for it")
    .argument("<quota>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/quotas/${name}`);
        await recorded(cli, api, answer, `quota ${name} removed`);
      }),
    );
}

async function set(cli: Cli, api: Api, { app, pod, instances, cpu, memory, storage, gpu }: Options) {
  if (app === undefined && pod === undefined)
    throw new CliError(exitCodes.usage, "say whose quota it is: --app, --pod, or both");
  const limits = {
    ...(instances !== undefined && { instances }),
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memoryMib: memory }),
    ...(storage !== undefined && { storageMib: storage }),
    ...(gpu !== undefined && { gpus: gpu }),
  };
  if (Object.keys(limits).length === 0)
    throw new CliError(
      exitCodes.usage,
      "name what is limited: --instances, --cpu, --memory, --storage or --gpu",
    );
  const body = { ...(app !== undefined && { app }), ...(pod !== undefined && { pod }), limits };
  const answer = await api.command("PUT", "/v1/quotas", Answer, { body });
  const { quota, seq } = answer;
  const one = await api.query(path`/v1/quotas/${quota}`, Quota, { after: seq });
  cli.answer(
    { ...answer, ...one },
    () => `quota ${quota} ${answer.changed ? "set" : "was so already"}\n${text(cli, one)}`,
  );
}

const Answer = z.looseObject({ seq: z.int(), changed: z.boolean(), quota: z.string() });

async function show(cli: Cli, api: Api, name: string): Promise<void> {
  const one = await api.query(path`/v1/quotas/${name}`, Quota);
  cli.answer(one, () => text(cli, one));
}

const kinds: readonly { kind: Kind; title: string; show: (amount: number) => string }[] = [
  { kind: "instances", title: "instances", show: String },
  { kind: "cpu", title: "cpu", show: showCpu },
  { kind: "memoryMib", title: "memory", show: showMemory },
  { kind: "storageMib", title: "storage", show: showMemory },
  { kind: "gpus", title: "gpus", show: String },
];

/** What is used of what is limited, as `6 of 8`. */
function usedOf({ limits, used }: Quota, { kind, show }: (typeof kinds)[number]): string | undefined {
  const limit = limits[kind];
  return limit === undefined ? undefined : `${show(used[kind])} of ${show(limit)}`;
}

function text(cli: Cli, one: Quota): string {
  const lines = details(
    [
      ["quota", one.quota],
      ["deployments", `${one.deployments} of ${one.app ?? "any app"} in ${one.pod ?? "any pod"}`],
      ...kinds.map((kind) => [kind.title, usedOf(one, kind)] as const),
    ],
    cli.look,
  );
  if (one.over.length === 0) return lines;
  const over = cli.look.paint("bad", `over its limit: ${one.over.join(", ")}`);
  return `${lines}${over}; nothing is taken away, only growth is refused\n`;
}

const columns: readonly Column<Quota>[] = [
  { title: "quota", cell: ({ quota }) => quota },
  ...kinds.map((kind) => ({
    title: kind.title,
    cell: (one: Quota) => usedOf(one, kind) ?? "",
    align: "right" as const,
  })),
  { title: "over", cell: ({ over }) => over.join(", "), tone: () => "bad" as const },
];
