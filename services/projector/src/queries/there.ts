import { type RawBuilder, type SelectQueryBuilder, sql } from "kysely";
import { workloadStates } from "../domain/workload.ts";

/** Rows that are not removed. In these words, because partial indexes are found by their words. */
export const there = (table: string): RawBuilder<boolean> =>
  sql<boolean>`${sql.ref(`${table}.state`)} <> 'removed'`;

/** Workloads that are there and in Eru's hands: not those that left with their containers. */
export const kept = (table: string): RawBuilder<boolean> =>
  sql<boolean>`(${there(table)} and ${sql.ref(`${table}.state`)} <> 'dissociated')`;

/** The rows of a query as a number. */
export const countOf = <DB, TB extends keyof DB>(
  rows: SelectQueryBuilder<DB, TB, unknown>,
): RawBuilder<number> => sql<number>`(${rows.select(sql<number>`count(*)`.as("n"))})`;

const keptStates = sql.join(
  workloadStates
    .filter((state) => state !== "removed" && state !== "dissociated")
    .map((state) => sql.ref(`c.${state}`)),
  sql` + `,
);

/** Workloads that are there, from the counts `c` of the deployments that a condition names. */
export const thereIn = (condition: RawBuilder<unknown>): RawBuilder<number> =>
  sql<number>`(select coalesce(sum(${keptStates}), 0) from workloadCounts as c where ${condition})`;
