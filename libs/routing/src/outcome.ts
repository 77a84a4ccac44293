import type { ExplainedBackend, Explanation, Outcome } from "@eru/events";
import { byteRegex } from "./byte-regex.ts";
import { type Bytes, bytesOf } from "./bytes.ts";
import { keyValue, type Subject } from "./conditions.ts";
import { hashNumber } from "./hash.ts";
import type { TableBackend, TableForward, TablePool, TableRule } from "./table.ts";

/** A pool by its name. */
export type PoolLookup = (name: string) => TablePool | undefined;

/** What a rule does with a request, apart from its name and share. */
export type OutcomeOf = (
  subject: Subject,
  pool: PoolLookup,
) => Omit<Outcome, "rule" | "share"> & Pick<Explanation, "reason">;

/** What a rule does, as a function. */
export function compileOutcome(rule: TableRule): OutcomeOf {
  const { id, forward, redirect, respond } = rule;
  if (redirect) {
    const location = compileLocation(redirect.location, rule);
    return (subject) => ({ action: "redirect", status: redirect.status, location: location(subject) });
  }
  if (respond) return () => ({ action: "respond", status: respond.status });
  if (!forward) throw new RangeError(`rule ${id} of the table has no action`);
  return (subject, pool) => ({ action: "forward", ...forwardOf(forward, id, subject, pool) });
}

/** A backend with what its pool holds: undefined when there is no such pool. */
type Found = TableBackend & { endpoints: TablePool["eps"] | undefined };

const serves = ({ endpoints }: Found): boolean => endpoints?.some(({ s }) => s === "a") ?? false;

function forwardOf(
  { backends, split, fallback }: TableForward,
  id: string,
  subject: Subject,
  pool: PoolLookup,
): Omit<ReturnType<OutcomeOf>, "action"> {
  const find = (backend: TableBackend): Found => ({ ...backend, endpoints: pool(backend.pool)?.eps });
  const weighty = backends.filter(({ weight }) => weight > 0).map(find);
  const serving = weighty.filter(serves);
  if (serving.length === 0 && fallback !== undefined) {
    const only = find({ pool: fallback, weight: 1 });
    return { backends: byWeight([only]), fallback: true, ...reasonOf([only]) };
  }
  // Nobody can take it, so it makes no difference whose turn it would be.
  if (serving.length === 0) return { backends: byWeight(weighty), ...reasonOf(weighty) };
  const value = split === undefined ? undefined : keyValue(split, subject);
  if (value === undefined) return { backends: byWeight(serving) };
  const number = hashNumber(`${bytesOf(id)}:${value}`);
  const drawn = drawnBy(number, weighty);
  return { backends: byWeight([serves(drawn) ? drawn : drawnBy(number, serving)]) };
}

function reasonOf(found: readonly Found[]): Pick<Explanation, "reason"> {
  if (found.some(serves)) return {};
  return { reason: found.every(({ endpoints }) => endpoints === undefined) ? "no_such_pool" : "no_endpoint" };
}

/** The backends with the parts that chance gives them. */
function byWeight(found: readonly Found[]): ExplainedBackend[] {
  const sum = weightsOf(found);
  return found.map(({ weight, endpoints = [], ...backend }) => ({
    ...backend,
    share: weight / sum,
    endpoints,
  }));
}

/** The backend in whose weight a number falls. */
function drawnBy(number: number, found: readonly Found[]): Found {
  let rest = number % weightsOf(found);
  for (const backend of found) {
    if (rest < backend.weight) return backend;
    rest -= backend.weight;
  }
  throw new RangeError("all weights are 0");
}

const weightsOf = (found: readonly Found[]): number => found.reduce((sum, { weight }) => sum + weight, 0);

/** A redirect's location with what it takes from the request. Other words with `$` stay as they are. */
function compileLocation(location: string, { when = [] }: TableRule): (subject: Subject) => string {
  const regexes = when.flatMap(({ path }) => (path && "regex" in path ? [byteRegex(path.regex)] : []));
  return (subject) => {
    const groups = regexes.map((regex) => regex.exec(subject.path)).find((found) => found !== undefined);
    const value = (word: string): Bytes => {
      if (word === "host") return subject.host;
      if (word === "path") return encoded(subject.path);
      if (word === "query") return subject.query === "" ? "" : `?${subject.query}`;
      return encoded(groups?.[Number(word)] ?? "");
    };
    return bytesOf(location).replaceAll(/\$(host|path|query|[1-9])/g, (_, word: string) => value(word));
  };
}

/** Bytes of a path as they stand in a URL. */
const encoded = (path: Bytes): string =>
  path.replaceAll(
    /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
