import { type Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { collectNames, collectPair, showCpu, showMemory } from "../quantities.ts";
import { details, table } from "../render/table.ts";
import type { Tone } from "../render/text.ts";
import { type OfferOptions, offerFields, offerOf, offerOptions } from "../resource-options.ts";
import { inOrder, Node, NodeDetail, Workload } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";
import { addDrain, drainText } from "./node-drain.ts";
import { option } from "./options.ts";
import { workloadColumns } from "./workload.ts";

/** `eru node`. */
export function addNode(cli: Cli): void {
  const node = group(cli, "node", "machines with a Docker engine and an agent");
  addQueries(cli, node);
  addAdd(cli, node);
  addSet(cli, node);
  addChanges(cli, node);
  addDrain(cli, node);
  addLabel(cli, node);
}

function addQueries(cli: Cli, node: Command): void {
  node
    .command("list")
    .alias("ls")
    .description("all nodes, or those of a pod")
    .addOption(option.pod())
    .action(({ pod }: { pod?: string }) =>
      cli.withApi(async (api) => {
        const nodes = await api.list("/v1/nodes", Node, { pod });
        answerList(
          cli,
          nodes,
          columns,
          "there are no nodes yet: add one with `eru node add <node> --pod <pod>`",
        );
      }),
    );
  node
    .command("show")
    .description("one node with its workloads")
    .argument("<node>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/nodes/${name}`, NodeDetail);
        const workloads = inOrder(await api.list("/v1/workloads", Workload, { node: name }));
        cli.answer({ node: one, workloads }, () => showText(cli, one, workloads));
      }),
    );
}

function addAdd(cli: Cli, node: Command): void {
  const command = node
    .command("add")
    .description(
      "add a node to a pod; its agent has the same name. What is not said may be booked as the agent reports it: all cores and 80 % of the memory",
    )
    .argument("<node>")
    .addOption(option.pod("pod it belongs to").makeOptionMandatory())
    .addOption(option.label("label of the node"))
    .action(
      (
        name: string,
        { pod, label, ...offer }: OfferOptions & { pod: string; label?: Record<string, string> },
      ) =>
        cli.withApi(async (api) => {
          const resources = offerOf(offer);
          const body = {
            name,
            pod,
            ...(label && { labels: label }),
            ...(Object.keys(resources).length > 0 && { resources }),
          };
          const answer = await api.order("POST", "/v1/nodes", body);
          await recorded(cli, api, answer, `node ${name} added to pod ${pod}`);
        }),
    );
  for (const offer of offerOptions()) command.addOption(offer);
}

function addSet(cli: Cli, node: Command): void {
  const command = node
    .command("set")
    .description("change some of what may be booked on a node; what runs there stays")
    .argument("<node>")
    .addOption(
      new Option("--unset <what>", "as its agent reports it, or not there; repeatable")
        .choices(Object.keys(offerFields))
        .argParser(collectNames),
    )
    .action((name: string, { unset = [], ...offer }: OfferOptions & { unset?: string[] }) =>
      cli.withApi(async (api) => {
        const gone = unset.map((what) => {
          const field = Object.entries(offerFields).find(([known]) => known === what)?.[1];
          if (!field)
            throw new CliError(
              exitCodes.usage,
              `--unset takes ${Object.keys(offerFields).join(", ")}, not ${what}`,
            );
          return [field, null] as const;
        });
        const changes = { ...offerOf(offer), ...Object.fromEntries(gone) };
        if (Object.keys(changes).length === 0)
          throw new CliError(
            exitCodes.usage,
            "name what shall be different, as --cpu 4 or --volume /mnt/a:100G",
          );
        const answer = await api.order("PATCH", path`/v1/nodes/${name}/resources`, changes);
        await recorded(
          cli,
          api,
          answer,
          `node ${name}: ${Object.keys(changes).join(", ")} set; see \`eru node show\``,
        );
      }),
    );
  for (const offer of offerOptions()) command.addOption(offer);
}

function addChanges(cli: Cli, node: Command): void {
  node
    .command("resources")
    .description("set the cores and memory that may be booked on a node, and nothing else")
    .argument("<node>")
    .addOption(option.cpu("CPU, as 4 or 0.5").makeOptionMandatory())
    .addOption(option.memory("memory, as 8G or 512M").makeOptionMandatory())
    .action((name: string, { cpu, memory }: { cpu: number; memory: number }) =>
      cli.withApi(async (api) => {
        const answer = await api.order("PATCH", path`/v1/nodes/${name}/resources`, {
          cpu,
          memoryMib: memory,
        });
        await recorded(cli, api, answer, `node ${name} offers ${showCpu(cpu)} cpu and ${showMemory(memory)}`);
      }),
    );
  node
    .command("cordon")
    .description("place nothing new on a node; what runs there stays")
    .argument("<node>")
    .option("--reason <text>", "why, for the others")
    .action((name: string, { reason }: { reason?: string }) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", path`/v1/nodes/${name}/cordon`, { ...(reason && { reason }) });
        await recorded(cli, api, answer, `node ${name} cordoned`);
      }),
    );
  node
    .command("uncordon")
    .description("place workloads on a node again")
    .argument("<node>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", path`/v1/nodes/${name}/uncordon`);
        await recorded(cli, api, answer, `node ${name} takes workloads again`);
      }),
    );
  node
    .command("remove")
    .alias("rm")
    .description("remove a node without workloads")
    .argument("<node>")
    .option("--force", "the machine is gone for good: its workloads count as lost and are replaced elsewhere")
    .action((name: string, { force }: { force?: true }) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/nodes/${name}`, undefined, { force });
        await recorded(cli, api, answer, `node ${name} removed`);
      }),
    );
}

function addLabel(cli: Cli, node: Command): void {
  node
    .command("label")
    .description(
      "set a node's labels, all at once: those that are not named are gone, none at all clears them",
    )
    .argument("<node>")
    .argument("[key=value...]", "labels", collectPair, {})
    .action((name: string, labels: Record<string, string>) =>
      cli.withApi(async (api) => {
        const answer = await api.order("PUT", path`/v1/nodes/${name}/labels`, labels);
        await recorded(cli, api, answer, `node ${name} has labels ${labelsText(labels) || "none"}`);
      }),
    );
}

const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");

const livenessTones: Readonly<Record<string, Tone>> = { alive: "good", suspected: "busy", lost: "bad" };

/** The state that decides whether something can be placed there, worst first. */
function nodeState({ cordoned, draining, liveness, engineReachable }: Node): string {
  const state = liveness === "alive" && engineReachable === false ? "engine down" : liveness;
  return `${state}${cordoned ? ", cordoned" : ""}${draining ? ", draining" : ""}`;
}

const booked = ({ booked, capacity }: Node, show: (amounts: Node["booked"]) => string): string =>
  `${show(booked)}/${capacity ? show(capacity) : "?"}`;

const columns = [
  { title: "node", cell: (node: Node) => node.node },
  { title: "pod", cell: (node: Node) => node.pod },
  {
    title: "state",
    cell: nodeState,
    tone: (node: Node) =>
      node.cordoned || node.draining || node.engineReachable === false ? "bad" : livenessTones[node.liveness],
  },
  { title: "workloads", cell: (node: Node) => node.workloads, align: "right" },
  { title: "cpu", cell: (node: Node) => booked(node, ({ cpu }) => showCpu(cpu)), align: "right" },
  {
    title: "memory",
    cell: (node: Node) => booked(node, ({ memoryMib }) => showMemory(memoryMib)),
    align: "right",
  },
  { title: "labels", cell: (node: Node) => labelsText(node.labels) || undefined, flexible: true },
] as const;

type Part = NodeDetail["resources"][number];

/** What was made smaller than what is booked there. */
function overbooked({ resources }: NodeDetail): string | undefined {
  const over = resources.filter(({ size, booked: taken }) => taken > size);
  if (over.length === 0) return undefined;
  const said = over.map(
    (part) => `${part.name} (${amount(part, part.booked)} booked of ${amount(part, part.size)})`,
  );
  return `${said.join(", ")}: what runs stays, nothing more is placed there`;
}

const amount = ({ unit }: Part, value: number): string =>
  unit === "MiB" ? showMemory(value) : unit === "pieces" ? showCpu(value / 100) : String(value);

const partColumns = [
  { title: "what", cell: ({ name }: Part) => name },
  { title: "booked", cell: (part: Part) => amount(part, part.booked), align: "right" },
  { title: "of", cell: (part: Part) => amount(part, part.size), align: "right" },
  {
    title: "free",
    cell: (part: Part) => amount(part, part.free),
    align: "right",
    tone: ({ free }: Part) => (free < 0 ? "bad" : undefined),
  },
] as const;

function showText(cli: Cli, node: NodeDetail, workloads: readonly Workload[]): string {
  const lines = details(
    [
      ["node", node.node],
      ["pod", node.pod],
      ["state", nodeState(node)],
      ["cordoned", node.cordonReason || undefined],
      ["drain", node.drain ? drainText(node.drain) : undefined],
      ["drain reason", node.drainReason || undefined],
      [
        "engine",
        node.engineReachable === false ? `does not answer: ${node.engineError}` : (node.engine ?? undefined),
      ],
      [
        "cpu",
        `${booked(node, ({ cpu }) => showCpu(cpu))} booked${node.capacityFrom === "agent" ? ", as its agent reports" : ""}`,
      ],
      ["memory", `${booked(node, ({ memoryMib }) => showMemory(memoryMib))} booked`],
      ["too much", overbooked(node)],
      ["labels", labelsText(node.labels) || undefined],
    ],
    cli.look,
  );
  const parts = node.resources.filter(({ name }) => name !== "cpu" && name !== "memory");
  return [
    lines,
    ...(parts.length > 0 ? [table(partColumns, parts, cli.look)] : []),
    ...(workloads.length > 0 ? [table(workloadColumns(cli), workloads, cli.look)] : []),
  ].join("\n");
}
