import type { Tables } from "../tables.ts";
import { kysely, View } from "../view.ts";
import { temporaryFolder } from "./folder.ts";
import type { World } from "./world.ts";

/** The rows of a table after a world's log, in the order of their first column. */
export function rowsAfter<T extends keyof Tables & string>(world: World, table: T): Tables[T][] {
  using folder = temporaryFolder();
  const view = View.create(folder.file("v.db"));
  try {
    view.apply(world.log, "2026-01-01T00:00:00.000Z");
    return view.all(kysely.selectFrom(table).selectAll()) as Tables[T][];
  } finally {
    view.abandon();
  }
}
