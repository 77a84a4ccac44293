import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { Elb } from "../elb-view.ts";
import { CliError, exitCodes } from "../errors.ts";
import { elbState, elbText, elbTone } from "../render/elb.ts";
import { Certificate } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";

const none = "no load balancer has reported yet: start a router-sync, or `eru up --elbs 1`";

/** `eru elb`. */
export function addElb(cli: Cli): void {
  const elb = group(cli, "elb", "load balancers: who serves, and by which route table");
  elb
    .command("list")
    .alias("ls")
    .description("all load balancers, a line each")
    .action(() =>
      cli.withApi(async (api) => answerList(cli, await api.list("/v1/elbs", Elb), columns, none)),
    );
  elb
    .command("status")
    .description(
      "epoch, sequence, lag, workers, drains, refused lines and endpoints left out; certificates that end soon",
    )
    .argument("[elb]", "only this one")
    .action((name: string | undefined) =>
      cli.withApi(async (api) => {
        const all = await api.list("/v1/elbs", Elb);
        const elbs = name === undefined ? all : all.filter((one) => one.elb === name);
        if (name !== undefined && elbs.length === 0)
          throw new CliError(
            exitCodes.refused,
            `there is no load balancer ${name}${all.length > 0 ? `: there is ${all.map((one) => one.elb).join(", ")}` : `: ${none}`}`,
          );
        const certificates = (await api.list("/v1/certificates", Certificate)).filter(needsCare);
        cli.answer({ elbs, certificates }, () =>
          elbs.length === 0 ? `${none}\n` : elbText(elbs, certificates, cli.look),
        );
      }),
    );
  addWishes(cli, elb);
}

function addWishes(cli: Cli, elb: Command): void {
  elb
    .command("leave")
    .description("let no new clients come to one: not ready, served out, then waited for by nobody")
    .argument("<elb>")
    .option("--force", "also when it is the last live one of its group")
    .action((name: string, { force }: { force?: true }) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", path`/v1/elbs/${name}/leave`, undefined, { force });
        const text = `load balancer ${name} shall leave; \`eru elb status ${name}\` says when it has`;
        await recorded(cli, api, answer, text);
      }),
    );
  elb
    .command("join")
    .description("let one that was told to leave serve again")
    .argument("<elb>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", path`/v1/elbs/${name}/join`);
        await recorded(cli, api, answer, `load balancer ${name} shall join again`);
      }),
    );
  elb
    .command("forget")
    .description("take one that is gone for ever off the list")
    .argument("<elb>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/elbs/${name}`);
        await recorded(cli, api, answer, `load balancer ${name} is forgotten`);
      }),
    );
}

const needsCare = ({ state }: Certificate): boolean => state !== "valid" && state !== "pending";

const columns = [
  { title: "elb", cell: (one: Elb) => one.elb },
  { title: "group", cell: (one: Elb) => one.group ?? undefined },
  { title: "state", cell: elbState, tone: elbTone },
  { title: "applied", cell: (one: Elb) => one.appliedSeq, align: "right" as const },
  { title: "lag", cell: (one: Elb) => one.lag ?? undefined, align: "right" as const },
  { title: "workers", cell: (one: Elb) => one.status?.workersTotal, align: "right" as const },
  { title: "drains", cell: (one: Elb) => one.status?.drainsTotal, align: "right" as const },
  { title: "refused", cell: (one: Elb) => one.status?.rejectedTotal, align: "right" as const },
  { title: "left out", cell: (one: Elb) => one.status?.leftOutTotal, align: "right" as const },
] as const;
