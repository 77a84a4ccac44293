import { RouteContent } from "@eru/events";
import type { Command } from "commander";
import { z } from "zod";
import type { Cli } from "../cli.ts";
import { hostName } from "../host.ts";
import { showAge } from "../quantities.ts";
import { stageText } from "../render/stage.ts";
import { answerList, path, recorded } from "./common.ts";

const At = z.looseObject({
  elb: z.string(),
  live: z.boolean(),
  applied: z.boolean(),
  refused: z.string().nullable(),
  requests: z.int(),
  failures: z.int(),
  requestsBefore: z.int(),
  failuresBefore: z.int(),
  forMs: z.int(),
});
const Stage = z.looseObject({
  host: z.string(),
  stage: z.string(),
  promoteAfterMs: z.int().nullable(),
  failuresMaxPercent: z.number().nullable(),
  judged: z.array(z.looseObject({ elb: z.string(), passed: z.boolean(), detail: z.string() })),
  stagedAt: z.string(),
  stagedBy: z.string(),
  at: z.array(At),
});
type Stage = z.infer<typeof Stage>;
const StageDetail = Stage.extend({ staged: RouteContent, declared: RouteContent.nullable() });
/** A change that some load balancers have first, what the others have, and how it does. */
export type StageDetail = z.infer<typeof StageDetail>;

/** `eru route stage`. */
export function addRouteStage(cli: Cli, route: Command): void {
  const stage = route
    .command("stage")
    .description(
      "changes that some load balancers have before the others: begun by `eru route apply --staged`",
    )
    .helpCommand(false);
  stage
    .command("list")
    .alias("ls")
    .description("all that are under way")
    .action(() =>
      cli.withApi(async (api) => {
        const empty = "no change of a route is staged: begin one with `eru route apply -f <file> --staged`";
        answerList(cli, await api.list("/v1/route-stages", Stage), columns, empty);
      }),
    );
  stage
    .command("show")
    .description("one with what differs, who has it, and the answers there since and before")
    .argument("<host>", "host name", hostName)
    .action((host: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/route-stages/${host}`, StageDetail);
        cli.answer(one, () => stageText(one, cli.look));
      }),
    );
  addEnd(cli, stage, {
    verb: "promote",
    does: "declare it for all load balancers",
    done: "declared for all",
  });
  addEnd(cli, stage, { verb: "abort", does: "take it back where it is", done: "taken back" });
}

function addEnd(
  cli: Cli,
  stage: Command,
  { verb, does, done }: Record<"verb" | "does" | "done", string>,
): void {
  stage
    .command(verb)
    .description(does)
    .argument("<host>", "host name", hostName)
    .action((host: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("POST", path`/v1/routes/${host}/stage/${verb}`);
        await recorded(cli, api, answer, `the staged change of ${host} is ${done}`);
      }),
    );
}

const sum = ({ at }: Stage, of: "requests" | "failures"): number => at.reduce((all, one) => all + one[of], 0);

const columns = [
  { title: "host", cell: ({ host }: Stage) => host },
  {
    title: "at",
    cell: ({ at }: Stage) =>
      at.map((one) => `${one.elb}${one.refused ? " (refused)" : one.applied ? "" : " (not yet)"}`).join(" "),
    flexible: true,
  },
  { title: "answers", cell: (one: Stage) => sum(one, "requests"), align: "right" as const },
  { title: "5xx", cell: (one: Stage) => sum(one, "failures"), align: "right" as const },
  { title: "for", cell: ({ at }: Stage) => showAge(Math.max(0, ...at.map(({ forMs }) => forMs))) },
  {
    title: "for all after",
    cell: ({ promoteAfterMs }: Stage) => (promoteAfterMs === null ? "a word" : showAge(promoteAfterMs)),
  },
  { title: "by", cell: ({ stagedBy }: Stage) => stagedBy },
] as const;
