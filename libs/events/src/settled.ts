import type { z } from "zod";

/** Values of a kind that are kept, before all are forgotten and learnt anew. */
const keptMax = 4_096;
const namesMax = 65_536;

const texts = new WeakMap<object, string>();

/**
 * The JSON text of a value that thousands of events share, checked against its schema and written once. The value is frozen
 * with all below it: what was found good cannot become something else afterwards. Throws a ZodError for a bug in the writer.
 */
export function settledText<T extends object>(schema: z.ZodType<T>, value: T): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(schema.parse(value));
  texts.set(freeze(value), text);
  return text;
}

/**
 * A reader of values that many messages repeat: the same text is checked once and gives the same frozen value, which takes
 * its memory once. Throws a ZodError.
 */
export function settledReader<T extends object>(schema: z.ZodType<T>): (parsed: unknown) => T {
  const values = new Map<string, T>();
  return (parsed) => {
    const text = JSON.stringify(parsed) ?? "";
    const known = values.get(text);
    if (known) return known;
    const value = freeze(schema.parse(parsed));
    if (values.size >= keptMax) values.clear();
    values.set(text, value);
    return value;
  };
}

/** Gives a name back, each checked once. Throws a ZodError. */
export function settledName(schema: z.ZodType<string>): (name: string) => string {
  const good = new Set<string>();
  return (name) => {
    if (good.has(name)) return name;
    const checked = schema.parse(name);
    if (good.size >= namesMax) good.clear();
    good.add(checked);
    return checked;
  };
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) freeze(part);
  return Object.freeze(value);
}
