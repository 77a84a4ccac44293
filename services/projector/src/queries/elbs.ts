import { z } from "zod";
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
});

/** GET /v1/elbs. */
export function addElbs(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/elbs",
    summary: "Load balancers, and how far each has applied the route table",
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
          rejected: row.rejected === null ? null : parsed<z.infer<typeof Rejected>>(row.rejected),
        }),
      }),
  });
}
