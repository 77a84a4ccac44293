import { ElbName, HostName, RouteContent } from "@eru/events";
import { z } from "zod";
import type { ElbBoard } from "../elb-board.ts";
import type { StageRow } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { parsed } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const Judged = z.object({ elb: z.string(), passed: z.boolean(), detail: z.string() });

const At = z.object({
  elb: z.string(),
  live: z.boolean(),
  applied: z.boolean().describe("It routes by what is staged, all workers of it"),
  refused: z.string().nullable().describe("Why its engine does not take it"),
  requests: z.int().describe("Answers for the host since it was applied there"),
  failures: z.int().describe("Of these, 500 and above"),
  requestsBefore: z.int().describe("The same before, since its engine started"),
  failuresBefore: z.int(),
  forMs: z.int().describe("Milliseconds since it was applied there"),
});

const Stage = z.object({
  host: z.string(),
  stage: z.string(),
  elbs: z.array(ElbName),
  promoteAfterMs: z.int().nullable(),
  failuresMaxPercent: z.number().nullable(),
  judged: z.array(Judged).describe("What load balancers that have it said of it for good"),
  stagedSeq: z.int(),
  stagedAt: z.string(),
  stagedBy: z.string(),
  at: z.array(At).describe("How it does where it is, by heartbeats: true for now, and not in the log"),
});

const Detail = Stage.extend({
  staged: RouteContent,
  declared: RouteContent.nullable().describe("What all others route by; null: nothing"),
});

function shown(board: ElbBoard, row: StageRow): z.infer<typeof Stage> {
  const { content: _, ...rest } = row;
  const elbs = parsed<string[]>(row.elbs);
  return {
    ...rest,
    elbs,
    judged: parsed<z.infer<typeof Judged>[]>(row.judged),
    at: elbs.map((elb) => atOf(board, elb, row)),
  };
}

function atOf(board: ElbBoard, elb: string, { host, stage }: StageRow): z.infer<typeof At> {
  const heard = board.of(elb);
  const live = heard?.live ?? false;
  const said = live ? heard?.said.stages?.find((one) => one.host === host && one.stage === stage) : undefined;
  return {
    ...{ elb, live, applied: said?.applied ?? false, refused: said?.refused ?? null },
    ...{ requests: said?.requests ?? 0, failures: said?.failures ?? 0, forMs: said?.forMs ?? 0 },
    ...{ requestsBefore: said?.requestsBefore ?? 0, failuresBefore: said?.failuresBefore ?? 0 },
  };
}

function declaredOf(view: View, host: string): RouteContent | null {
  const route = view.first(kysely.selectFrom("routes").select("content").where("host", "=", host));
  return route ? parsed<RouteContent>(route.content) : null;
}

/** GET /v1/route-stages and /v1/route-stages/:host. */
export function addStages(deps: QueryDeps, board: ElbBoard): void {
  const stages = () => kysely.selectFrom("stages").selectAll();
  addQuery(deps, {
    path: "/v1/route-stages",
    summary: "Changes of routes that some load balancers have before the others, and how they do there",
    tag: "routes",
    params: {},
    query: pageQuery,
    answer: pageOf(Stage),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "stages",
        rows: stages(),
        column: "host",
        key: (row) => row.host,
        item: (row) => shown(board, row),
      }),
  });
  addQuery(deps, {
    path: "/v1/route-stages/:host",
    summary: "One staged change with what is declared for all others",
    tag: "routes",
    params: { host: HostName },
    query: {},
    answer: Detail,
    run: (view, { params: { host } }) => {
      const found = view.first(stages().where("host", "=", host));
      if (!found)
        throw notFound(
          view,
          { kind: "staged change", name: `of host ${host}`, list: "/v1/route-stages" },
          kysely.selectFrom("stages").select("host"),
        );
      const staged = parsed<RouteContent>(found.content);
      return { ...shown(board, found), staged, declared: declaredOf(view, host) };
    },
  });
}
