import { type RawBuilder, type SelectQueryBuilder, sql } from "kysely";
import { workloadStates } from "../domain/workload.ts";

/** Rows that are not removed. In these words, because partial indexes are found by their words. */
export const there = (table: string): RawBuilder<boolean> =>
  sql<boolean>`${sql.ref(`${table}.state`)} <> 'removed'`;

/** The rows of a query as a number. */
export const countOf = <DB, TB extends keyof DB>(
  rows: SelectQueryBuilder<DB, TB, unknown>,
): RawBuilder<number> => sql<number>`(${rows.select(sql<number>`count(*)`.as("n"))})`;

const notRemoved = sql.join(
  workloadStates.filter((state) => state !== "removed").map((state) => sql.ref(`c.${state}`)),
  sql` + `,
);

/** Workloads that are not removed, from the counts `c` of the deployments that a condition names. */
export const thereIn = (condition: RawBuilder<unknown>): RawBuilder<number> =>
  sql<number>`(select coalesce(sum(${notRemoved}), 0) from workloadCounts as c where ${condition})`;
