import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { showSpan } from "../quantities.ts";
import { details } from "../render/table.ts";
import { Node, NodeDetail } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";
import { drainText } from "./node-drain.ts";
import { option } from "./options.ts";

/** `eru drain`: the drains of nodes that are under way. `eru node drain` begins one. */
export function addDrains(cli: Cli): void {
  const drain = group(cli, "drain", "drains of nodes under way; `eru node drain` begins one");
  addList(cli, drain);
  drain
    .command("show")
    .description("one drain: what is left, what cannot be moved and why")
    .argument("<node>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const node = await api.query(path`/v1/nodes/${name}`, NodeDetail);
        cli.answer(node.drain, () => showText(cli, node));
      }),
    );
  addChange(cli, drain, "pause", "move nothing more; nothing new is placed there either", "is paused");
  addChange(cli, drain, "resume", "go on, also after its deadline, which counts anew", "goes on");
  drain
    .command("abort")
    .description("end it: what has not been moved stays, and the node takes workloads again")
    .argument("<node>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/nodes/${name}/drain`);
        await recorded(cli, api, answer, `the drain of node ${name} is cancelled: it takes workloads again`);
      }),
    );
}

function addList(cli: Cli, drain: Command): void {
  drain
    .command("list")
    .alias("ls")
    .description("all nodes that are being drained, with how far they are")
    .addOption(option.pod())
    .action(({ pod }: { pod?: string }) =>
      cli.withApi(async (api) => {
        const nodes = (await api.list("/v1/nodes", Node, { pod })).filter(({ draining }) => draining);
        const rows: NodeDetail[] = [];
        for (const { node } of nodes) rows.push(await api.query(path`/v1/nodes/${node}`, NodeDetail));
        answerList(cli, rows, columns, "no node is being drained: `eru node drain <node>` begins it");
      }),
    );
}

function addChange(
  cli: Cli,
  drain: Command,
  word: "pause" | "resume",
  description: string,
  became: string,
): void {
  drain
    .command(word)
    .description(description)
    .argument("<node>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", `${path`/v1/nodes/${name}/drain`}/${word}`);
        await recorded(cli, api, answer, `the drain of node ${name} ${became}`);
      }),
    );
}

const columns = [
  { title: "node", cell: ({ node }: NodeDetail) => node },
  { title: "pod", cell: ({ pod }: NodeDetail) => pod },
  { title: "since", cell: ({ drain }: NodeDetail) => drain?.requestedAt },
  {
    title: "how far",
    cell: ({ drain }: NodeDetail) => (drain ? drainText(drain) : undefined),
    flexible: true,
  },
] as const;

function showText(cli: Cli, { node, drain, drainReason }: NodeDetail): string {
  if (!drain) return `node ${node} is not being drained: \`eru node drain ${node}\` begins it\n`;
  const { requestedAt, deadlineMs } = drain;
  return details(
    [
      ["node", node],
      ["reason", drainReason || undefined],
      ["since", requestedAt],
      ["may take", deadlineMs === null ? undefined : showSpan(deadlineMs)],
      ["how far", drainText(drain)],
    ],
    cli.look,
  );
}
