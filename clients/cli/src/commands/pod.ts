import type { Cli } from "../cli.ts";
import { Pod } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";

/** `eru pod`. */
export function addPod(cli: Cli): void {
  const pod = group(cli, "pod", "groups of nodes that can reach each other");
  pod
    .command("list")
    .alias("ls")
    .description("all pods")
    .action(() =>
      cli.withApi(async (api) => {
        const pods = await api.list("/v1/pods", Pod);
        answerList(cli, pods, columns, "there are no pods yet: add one with `eru pod add <pod>`");
      }),
    );
  pod
    .command("add")
    .description("add a pod")
    .argument("<pod>")
    .option("--description <text>", "what it is for")
    .action((name: string, { description }: { description?: string }) =>
      cli.withApi(async (api) => {
        const body = { name, ...(description !== undefined && { description }) };
        await recorded(cli, api, await api.order("POST", "/v1/pods", body), `pod ${name} added`);
      }),
    );
  pod
    .command("remove")
    .alias("rm")
    .description("remove a pod without nodes and deployments")
    .argument("<pod>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/pods/${name}`);
        await recorded(cli, api, answer, `pod ${name} removed`);
      }),
    );
}

const columns = [
  { title: "pod", cell: (pod: Pod) => pod.pod },
  { title: "nodes", cell: (pod: Pod) => `${pod.nodesAlive}/${pod.nodes} alive`, align: "right" },
  { title: "deployments", cell: (pod: Pod) => pod.deployments, align: "right" },
  { title: "workloads", cell: (pod: Pod) => pod.workloads, align: "right" },
  { title: "description", cell: (pod: Pod) => pod.description, flexible: true },
] as const;
