import type { Condition, HashKey, Match, PathMatch, ValueMatch } from "@eru/events";
import { addressTest } from "./address.ts";
import { byteRegex } from "./byte-regex.ts";
import { type Bytes, bytesOf } from "./bytes.ts";
import { cookieValues, queryValues } from "./fields.ts";
import { hashNumber } from "./hash.ts";
import type { HttpRequest } from "./http-request.ts";

/** A request with its query and cookies taken apart, once for all rules. */
export type Subject = HttpRequest & { queryValues: Map<Bytes, Bytes>; cookieValues: Map<Bytes, Bytes> };

/** Takes apart what conditions ask for by name. */
export const subjectOf = (request: HttpRequest): Subject => ({
  ...request,
  queryValues: queryValues(request.query),
  cookieValues: cookieValues(request.headers.get("cookie")),
});

/**
 * One thing a condition asks, with its place in the condition. The answer is 0 or 1, or in between when chance decides: the
 * part of such requests for which it holds.
 */
type Test = { at: string; holds: (subject: Subject) => number };

/** How likely a match holds for a request, and when it never does, the first condition that fails. */
type Verdict = { share: number; because?: string };

/** A match that is ready to be asked. */
export type CompiledMatch = (subject: Subject) => Verdict;

/** Conditions as functions. `salt` is that of a percentage without one: the rule's id. */
export function compileMatch({ not = [], ...condition }: Match, salt: string): CompiledMatch {
  const tests = testsOf(condition, salt);
  const excluded = not.map((one) => testsOf(one, salt));
  return (subject) => {
    const own = together(tests, subject);
    let share = own.share;
    for (const [index, one] of excluded.entries()) {
      if (share === 0) break;
      share *= 1 - together(one, subject).share;
      if (share === 0) return { share, because: `not.${index}` };
    }
    return share === 0 ? own : { share };
  };
}

function together(tests: readonly Test[], subject: Subject): Verdict {
  let share = 1;
  for (const { at, holds } of tests) {
    share *= holds(subject);
    if (share === 0) return { share, because: at };
  }
  return { share };
}

function testsOf(condition: Condition, salt: string): Test[] {
  const { path, methods, scheme, port, grpc, userAgent, headers, query, cookies, source, percent } =
    condition;
  const tests: Test[] = [];
  const add = (at: string, holds: (subject: Subject) => boolean) =>
    tests.push({ at, holds: (subject) => (holds(subject) ? 1 : 0) });
  if (path) add("path", compilePath(path));
  if (methods) add("methods", ({ method }) => methods.includes(method));
  if (scheme) add("scheme", (subject) => subject.scheme === scheme);
  if (port !== undefined) add("port", (subject) => subject.port === port);
  if (grpc) add("grpc", compileGrpc(grpc));
  if (userAgent) {
    const holds = compileValue(userAgent);
    add("userAgent", (subject) => holds(subject.headers.get("user-agent")));
  }
  for (const [name, holds] of named(headers))
    add(`headers.${name}`, (subject) => holds(subject.headers.get(name.toLowerCase())));
  for (const [name, holds] of named(query))
    add(`query.${name}`, (subject) => holds(subject.queryValues.get(bytesOf(name))));
  for (const [name, holds] of named(cookies))
    add(`cookies.${name}`, (subject) => holds(subject.cookieValues.get(name)));
  if (source) {
    const holds = addressTest(source);
    add("source", (subject) => holds(subject.source));
  }
  if (percent) tests.push({ at: "percent", holds: compilePercent(percent, salt) });
  return tests;
}

/** Sorted, so that the same condition is always the first that fails. */
const named = (conditions: Readonly<Record<string, ValueMatch>> = {}) =>
  Object.entries(conditions)
    .map(([name, match]) => [name, compileValue(match)] as const)
    .sort(([one], [other]) => (bytesOf(one) < bytesOf(other) ? -1 : 1));

function compileValue(match: ValueMatch): (value: Bytes | undefined) => boolean {
  if ("present" in match) return (value) => (value !== undefined) === match.present;
  const holds = compilePresent(match);
  return (value) => value !== undefined && holds(value);
}

function compilePresent(match: Exclude<ValueMatch, { present: boolean }>): (value: Bytes) => boolean {
  if ("regex" in match) {
    const regex = byteRegex(match.regex, match.ignoreCase);
    return (value) => regex.test(value);
  }
  if ("in" in match) {
    const wanted = new Set(match.in.map(bytesOf));
    return (value) => wanted.has(value);
  }
  if ("exact" in match) {
    const wanted = bytesOf(match.exact);
    return (value) => value === wanted;
  }
  const wanted = bytesOf("prefix" in match ? match.prefix : match.suffix);
  return "prefix" in match ? (value) => value.startsWith(wanted) : (value) => value.endsWith(wanted);
}

function compilePath(match: PathMatch): (subject: Subject) => boolean {
  if ("regex" in match) {
    const regex = byteRegex(match.regex);
    return ({ path }) => regex.test(path);
  }
  if ("exact" in match) {
    const exact = bytesOf(match.exact);
    return ({ path }) => path === exact;
  }
  const prefix = bytesOf(match.prefix);
  if (match.raw || prefix.endsWith("/")) return ({ path }) => path.startsWith(prefix);
  return ({ path }) =>
    path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/");
}

function compileGrpc({ service, method }: NonNullable<Condition["grpc"]>): (subject: Subject) => boolean {
  const head = `/${bytesOf(service)}/`;
  const whole = method === undefined ? undefined : head + bytesOf(method);
  return (subject) =>
    subject.method === "POST" &&
    /^application\/grpc(?:$|[+;])/.test(subject.headers.get("content-type") ?? "") &&
    (whole === undefined
      ? subject.path.startsWith(head) && /^[^/]+$/.test(subject.path.slice(head.length))
      : subject.path === whole);
}

/** The share of the numbers below 10,000 that are below 100 times the percentage. */
function compilePercent(
  { of, key, salt }: NonNullable<Condition["percent"]>,
  ruleId: string,
): (subject: Subject) => number {
  // 100 times 0.07 is a little more than 7.
  const below = Math.round(100 * of);
  const prefix = `${bytesOf(salt ?? ruleId)}:`;
  return (subject) => {
    const value = keyValue(key, subject);
    if (value === undefined) return below / 10_000;
    return hashNumber(prefix + value) % 10_000 < below ? 1 : 0;
  };
}

/** What a key is of a request; undefined when chance stands in for it. */
export function keyValue(key: HashKey, subject: Subject): Bytes | undefined {
  if (key === "random") return undefined;
  if (key === "source") return subject.source;
  if (key === "path") return subject.path;
  if ("header" in key) return subject.headers.get(key.header.toLowerCase());
  if ("cookie" in key) return subject.cookieValues.get(key.cookie);
  return subject.queryValues.get(bytesOf(key.query));
}
