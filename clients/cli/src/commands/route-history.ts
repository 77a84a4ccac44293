import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { hostName } from "../host.ts";
import { parseWhole } from "../quantities.ts";
import { LogEvent } from "../views.ts";
import { answerList, path, recorded } from "./common.ts";

/** Versions of a route that are shown. */
const shownMax = 200;

/** `eru route history` and `eru route undo`. */
export function addRouteHistory(cli: Cli, route: Command): void {
  route
    .command("history")
    .description("what was declared for a host, and what load balancers refused of it, newest first")
    .argument("<host>", "host name", hostName)
    .option("--limit <n>", "most entries to show", parseWhole(1, 10_000), shownMax)
    .action((host: string, { limit }: { limit: number }) =>
      cli.withApi(async (api) => {
        const query = { object: `route:${host}`, order: "desc" };
        const events = await api.list("/v1/events", LogEvent, query, limit);
        answerList(cli, events, columns, `nothing was ever declared for ${host}`);
      }),
    );
  route
    .command("undo")
    .description("put a host's route back to what it was: before its last change, or as it was at --to")
    .argument("<host>", "host name", hostName)
    .option("--to <seq>", "a sequence of `eru route history`", parseWhole(1, 2 ** 40))
    .action((host: string, { to }: { to?: number }) =>
      cli.withApi(async (api) => {
        const body = { ...(to !== undefined && { to }) };
        const answer = await api.order("POST", path`/v1/routes/${host}/undo`, body);
        const when = to === undefined ? "before its last change" : `it was at ${to}`;
        await recorded(cli, api, answer, `route ${host} is as ${when}`);
      }),
    );
}

const columns = [
  { title: "seq", cell: (event: LogEvent) => event.seq },
  { title: "time", cell: (event: LogEvent) => event.time },
  { title: "by", cell: (event: LogEvent) => event.actor },
  { title: "what", cell: (event: LogEvent) => event.summary, flexible: true },
] as const;
