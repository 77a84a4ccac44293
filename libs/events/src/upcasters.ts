import { expandShortRules } from "./short-rule.ts";

/** Turns a payload of one version into the next. Pure; never removed, because the log is never rewritten. */
export type Upcaster = (payload: Record<string, unknown>) => Record<string, unknown>;

/** By event type, the upcaster from version n at index n-1. Add one with every change of a schema, and a golden test. */
const upcasters: Record<string, readonly Upcaster[]> = {
  RouteDeclared: [
    // Version 1 knew path prefixes only: {pathPrefix, app, entrypoint, pod?, port?}, each prefix once.
    ({ rules, ...rest }) => ({ ...rest, rules: expandShortRules(rules as { pathPrefix: string }[]) }),
  ],
};

/**
 * The payload as today's schema wants it, with its type. Throws for a version from the future: the writer was deployed
 * before this reader.
 */
export function upcast(
  type: string,
  from: number,
  to: number,
  payload: Record<string, unknown>,
  chain: Record<string, readonly Upcaster[]> = upcasters,
): Record<string, unknown> {
  if (from > to)
    throw new RangeError(`${type} has version ${from}, this program knows ${to}: deploy it first`);
  let current = payload;
  for (let version = from; version < to; version++) {
    const next = chain[type]?.[version - 1];
    if (!next) throw new RangeError(`${type} has no upcaster from version ${version}`);
    current = next(current);
  }
  return { ...current, type };
}
