import type { Command } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { showAge } from "../quantities.ts";
import { resourcesText } from "../render/resources.ts";
import type { Column } from "../render/table.ts";
import type { Workload } from "../views.ts";
import { path, recorded } from "./common.ts";
import { option } from "./options.ts";
import { untilOver } from "./workload-change.ts";

type Options = { replace?: true; wait?: true; timeout: number };
type Asked = { verb: "dissociate" | "adopt"; id: string; options: Options };

/** `eru workload dissociate` and `eru workload adopt`. */
export function addDissociation(cli: Cli, workload: Command): void {
  workload
    .command("dissociate")
    .description(
      "drain a workload and forget it; its container runs on, the deployment's count goes down by one",
    )
    .argument("<workload>")
    .option("--replace", "keep the count: another takes its place")
    .addOption(option.wait())
    .addOption(option.timeout())
    .action((id: string, options: Options) =>
      cli.withApi((api) => ask(cli, api, { verb: "dissociate", id, options })),
    );
  workload
    .command("adopt")
    .description(
      "take a dissociated workload back: booked, watched and routed again; the count goes up by one",
    )
    .argument("<workload>")
    .addOption(option.wait())
    .addOption(option.timeout())
    .action((id: string, options: Options) =>
      cli.withApi((api) => ask(cli, api, { verb: "adopt", id, options })),
    );
}

async function ask(cli: Cli, api: Api, { verb, id, options }: Asked): Promise<void> {
  const body = options.replace ? { replace: true } : {};
  const answer = await api.order("POST", path`/v1/workloads/${id}/${verb}`, body);
  if (!options.wait || !answer.changed) {
    await recorded(cli, api, answer, `${id}: ${verb} asked for`);
    return;
  }
  const after = await untilOver(cli, api, { id, answer, timeoutMs: options.timeout });
  cli.answer(after, () => (verb === "adopt" ? adopted(after) : dissociated(after)));
}

const adopted = ({ workload, state, node }: Workload): string =>
  `${workload}: adopted, it is ${state} on ${node}\n`;

/** Says what is not counted any more, so that nobody is surprised by a node that is fuller than it looks. */
const dissociated = ({ workload, node, containerId, resources }: Workload): string =>
  `${workload}: dissociated; container ${short(containerId)} runs on on ${node}, and what it uses (${resourcesText(resources)}) is not booked there any more\n  → \`eru workload adopt ${workload}\` takes it back\n`;

/** As engines show it. */
const short = (containerId: string | null): string => containerId?.slice(0, 12) ?? "unknown";

/** How workloads that left are listed. */
export const dissociatedColumns = (cli: Cli): readonly Column<Workload>[] => [
  { title: "workload", cell: ({ workload }) => workload },
  { title: "release", cell: ({ release }) => release, flexible: true },
  { title: "node", cell: ({ node }) => node },
  { title: "container", cell: ({ containerId }) => short(containerId) },
  {
    title: "since",
    cell: ({ dissociatedAt }) =>
      dissociatedAt === null ? undefined : showAge(cli.io.now() - Date.parse(dissociatedAt)),
    align: "right",
  },
  { title: "by", cell: ({ dissociatedBy }) => dissociatedBy ?? undefined },
  { title: "uses, unbooked", cell: ({ resources }) => resourcesText(resources), flexible: true },
];
