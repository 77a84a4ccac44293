import type { Condition, Match } from "@eru/events";
import type { GraphTest } from "./rule-graph.ts";

/** What is known of a request on its way through a graph: the tests that held, as far as one match can say it, and those that failed. */
export type Guard = {
  readonly path?: GraphTest & { ask: "path" };
  readonly userAgents: readonly string[];
  readonly failed: readonly GraphTest[];
};

/** Nothing is known yet. */
export const anything: Guard = { userAgents: [], failed: [] };

/** A match has two places for the user agent: the field and the header of that name. */
const userAgentsMax = 2;

/** What the guard already says of a test; undefined when it may go either way. */
export function foregone(guard: Guard, test: GraphTest): boolean | undefined {
  if (guard.failed.some((one) => same(one, test))) return false;
  if (test.ask === "userAgent") return guard.userAgents.includes(test.regex) || undefined;
  if (guard.path && same(guard.path, test)) return true;
  if (!("prefix" in test)) return undefined;
  if (test.prefix === "") return true;
  if (!test.prefix.startsWith("/")) return false;
  if (test.prefix === "/") return true;
  for (const one of guard.failed) if ("prefix" in one && test.prefix.startsWith(one.prefix)) return false;
  if (guard.path && "prefix" in guard.path) {
    if (guard.path.prefix.startsWith(test.prefix)) return true;
    if (!test.prefix.startsWith(guard.path.prefix)) return false;
  }
  return undefined;
}

/** The guard with a test that held; undefined when a match has no place for it. */
export function held(guard: Guard, test: GraphTest): Guard | undefined {
  if (test.ask === "userAgent")
    return guard.userAgents.length < userAgentsMax
      ? { ...guard, userAgents: [...guard.userAgents, test.regex] }
      : undefined;
  // Of two prefixes the longer says both; `foregone` has ruled out those that exclude each other.
  const both = guard.path && !("prefix" in guard.path && "prefix" in test);
  return both ? undefined : { ...guard, path: test };
}

/** The guard with a test that failed. */
export const failed = (guard: Guard, test: GraphTest): Guard => ({
  ...guard,
  failed: [...guard.failed, test],
});

/** The guard as a match; undefined when it lets everything through. */
export function matchOf({ path, userAgents, failed: not }: Guard): Match | undefined {
  const [first, second] = userAgents;
  const match: Match = {
    ...(path && conditionOf(path)),
    ...(first !== undefined && conditionOf({ ask: "userAgent", regex: first })),
    ...(second !== undefined && { headers: { "user-agent": { regex: second, ignoreCase: true } } }),
    ...(not.length > 0 && { not: not.map(conditionOf) }),
  };
  return Object.keys(match).length === 0 ? undefined : match;
}

function conditionOf(test: GraphTest): Condition {
  if (test.ask === "userAgent") return { userAgent: { regex: test.regex, ignoreCase: true } };
  if ("prefix" in test) return { path: { prefix: test.prefix, raw: true } };
  return { path: { regex: test.regex } };
}

const same = (one: GraphTest, other: GraphTest): boolean => JSON.stringify(one) === JSON.stringify(other);
