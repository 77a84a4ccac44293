import { ElbGroup, ElbStatus } from "@eru/events";
import { z } from "zod";
import type { ElbBoard } from "../elb-board.ts";
import { kysely } from "../view.ts";
import { parsed } from "./json.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const Rejected = z.object({ host: z.string(), reason: z.string(), seq: z.int(), time: z.string() });

const Elb = z.object({
  elb: z.string(),
  bootId: z.string().nullable(),
  appliedSeq: z
    .int()
    .describe("Every request is routed by the route table as of this sequence or a later one"),
  appliedAt: z.string().nullable(),
  changedPools: z.int(),
  changedHosts: z.int(),
  rejected: Rejected.nullable().describe("The last line of the table its engine refused"),
  live: z
    .boolean()
    .describe("It was heard within 5 s: nothing that it routes to is stopped before it has let go"),
  heardAgoMs: z.int().nullable().describe("Null: not heard since this service started"),
  group: ElbGroup.nullable(),
  lag: z
    .int()
    .nullable()
    .describe(
      "Messages of the log not in force there: of those it has read, or, when it is silent, of those in the view",
    ),
  stale: z.boolean().describe("Its table does not follow the log now: it is not heard, or has no room"),
  leaveAt: z.string().nullable().describe("When an operator told it to leave; null: it shall serve"),
  leaveBy: z.string().nullable(),
  left: z
    .boolean()
    .describe("It was told to leave, and has: nobody waits for it, and it follows the log all the same"),
  status: ElbStatus.nullable().describe("What it said of itself with its last heartbeat"),
});

/** What the last heartbeat adds to what is on record. */
function heardOf(board: ElbBoard, { elb, appliedSeq }: { elb: string; appliedSeq: number }, seq: number) {
  const heard = board.of(elb);
  if (!heard)
    return {
      ...{ live: false, left: false, heardAgoMs: null, group: null, lag: null },
      ...{ stale: true, status: null, appliedSeq },
    };
  const { live, agoMs, said } = heard;
  const { group = null, status = null } = said;
  const applied = Math.max(appliedSeq, said.appliedSeq);
  // A live one has read all that the view has but for what came this second; a silent one is as far behind as that.
  const head = live ? (status?.seenSeq ?? applied) : Math.max(seq, status?.seenSeq ?? 0);
  return {
    ...{ live, left: live && said.left === true, heardAgoMs: agoMs, group, status, appliedSeq: applied },
    lag: Math.max(0, head - applied),
    stale: !live || status?.stale === true,
  };
}

/** GET /v1/elbs. */
export function addElbs(deps: QueryDeps, board: ElbBoard): void {
  addQuery(deps, {
    path: "/v1/elbs",
    summary: "Load balancers: how far each has applied the route table, and what it says of itself now",
    tag: "routes",
    params: {},
    query: pageQuery,
    answer: pageOf(Elb),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "elbs",
        rows: kysely.selectFrom("elbs").selectAll(),
        column: "elb",
        key: (row) => row.elb,
        item: (row) => ({
          ...row,
          ...heardOf(board, row, view.seq),
          rejected: row.rejected === null ? null : parsed<z.infer<typeof Rejected>>(row.rejected),
        }),
      }),
  });
}
