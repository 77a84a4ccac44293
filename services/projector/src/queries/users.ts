import { z } from "zod";
import { kysely } from "../view.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const User = z.object({
  user: z.string(),
  tokens: z.int().describe("How many tokens were issued"),
  addedSeq: z.int(),
  addedAt: z.string(),
});

/** GET /v1/users: names. Tokens are nowhere, and their hashes do not leave the database. */
export function addUsers(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/users",
    summary: "Users",
    tag: "users",
    params: {},
    query: pageQuery,
    answer: pageOf(User),
    run: (view, { query }) =>
      pageBy(view, query, {
        list: "users",
        rows: kysely.selectFrom("users").selectAll(),
        column: "user",
        key: (row) => row.user,
        item: (row) => row,
      }),
  });
}
