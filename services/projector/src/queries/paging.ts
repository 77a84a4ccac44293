import { Problem } from "@eru/service";
import { type SelectQueryBuilder, sql } from "kysely";
import { z } from "zod";
import type { View } from "../view.ts";

const limitMost = 1_000;
const limitUsual = 100;

/** A whole number in a query string. */
export const whole = (name: string, least: number, most: number) => {
  const rule = `${name} is a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, rule)
    .transform(Number)
    .pipe(z.number().min(least, rule).max(most, rule));
};

/** Parameters of every list. */
export const pageQuery = {
  limit: whole("limit", 1, limitMost)
    .optional()
    .describe(`Most items of the page, 1 to ${limitMost}; ${limitUsual} when absent`),
  cursor: z.string().max(1_024).optional().describe("`next` of the page before; absent for the first page"),
};

/** A page as it is answered. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe("Cursor of the next page; null at the end"),
  });

/** Where a page begins: after the item with this key, in the order of the list. */
export type Start<K extends readonly z.ZodType[]> = {
  limit: number;
  after: { [I in keyof K]: z.infer<K[I]> } | undefined;
};

/**
 * Pages by key, not by number: what is inserted or removed meanwhile neither repeats nor hides other items. `list` names the
 * list and everything that gives it another order, so that a cursor of one is refused by another.
 */
export function startOf<const K extends readonly z.ZodType[]>(
  list: string,
  key: K,
  asked: { limit?: number | undefined; cursor?: string | undefined },
): Start<K> {
  const limit = asked.limit ?? limitUsual;
  if (asked.cursor === undefined) return { limit, after: undefined };
  const parsed = z
    .tuple([z.literal(list), z.tuple(key as unknown as [z.ZodType, ...z.ZodType[]])])
    .safeParse(read(asked.cursor));
  if (parsed.success) return { limit, after: parsed.data[1] as Start<K>["after"] };
  throw new Problem(
    400,
    "invalid_request",
    "the request is not valid: correct the fields named in `faults`",
    {
      faults: [
        {
          field: "cursor",
          value: asked.cursor.slice(0, 100),
          message: "not a cursor of this list: take `next` of the page before, with the same parameters",
        },
      ],
    },
  );
}

/** The page from one row more than asked for, and its cursor. */
export function endPage<R, T>(
  list: string,
  { limit }: { limit: number },
  rows: readonly R[],
  show: { key: (row: R) => readonly (string | number)[]; item: (row: R) => T },
): { items: T[]; next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorOf(list, show.key(last)) : null;
  return { items: shown.map(show.item), next };
}

/** A page of a list in the order of one column of texts, which no two rows share. */
export function pageBy<DB, TB extends keyof DB, R, T>(
  view: View,
  asked: { limit?: number | undefined; cursor?: string | undefined },
  of: {
    list: string;
    rows: SelectQueryBuilder<DB, TB, R>;
    column: string;
    key: (row: R) => string;
    item: (row: R) => T;
  },
): { items: T[]; next: string | null } {
  const { list, rows, column, key, item } = of;
  const start = startOf(list, [z.string()], asked);
  const from = start.after ? rows.where(sql<boolean>`${sql.ref(column)} > ${start.after[0]}`) : rows;
  return endPage(list, start, view.all(from.orderBy(sql.ref(column)).limit(start.limit + 1)), {
    key: (row) => [key(row)],
    item,
  });
}

/** The cursor of what comes after a key. */
export const cursorOf = (list: string, key: readonly (string | number)[]): string => write([list, key]);

const write = (content: unknown): string => Buffer.from(JSON.stringify(content)).toString("base64url");

function read(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return undefined;
  }
}
