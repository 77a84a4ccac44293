import { Problem } from "@eru/service";
import { type SelectQueryBuilder, sql } from "kysely";
import type { Tables } from "../tables.ts";
import type { View } from "../view.ts";

/** Names offered in an answer that something is not there. */
const namesMax = 10;

/** A 404 that says what there is instead, when that is short. `names` selects one column. */
export function notFound<N extends string>(
  view: View,
  what: { kind: string; name: string; list: string },
  names: SelectQueryBuilder<Tables, keyof Tables, Record<N, string>>,
): Problem {
  const { kind, name, list } = what;
  const found = view
    .all(names.orderBy(sql`1`).limit(namesMax + 1))
    .map((row) => Object.values<string>(row)[0]);
  const hint =
    found.length === 0
      ? "there are none"
      : found.length > namesMax
        ? `see GET ${list} for those there are`
        : `there ${found.length === 1 ? "is" : "are"} ${found.join(", ")}`;
  return new Problem(404, `${kind.replaceAll(" ", "_")}_unknown`, `there is no ${kind} ${name}: ${hint}`);
}
