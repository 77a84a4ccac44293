import { type Explanation, type Outcome, skippedRulesMax } from "@eru/events";
import type { Bytes } from "./bytes.ts";
import { type CompiledMatch, compileMatch, type Subject, subjectOf } from "./conditions.ts";
import type { HttpRequest } from "./http-request.ts";
import { compileOutcome, type OutcomeOf, type PoolLookup } from "./outcome.ts";
import type { TableHost, TableRule } from "./table.ts";

/** A host of the table that is ready to be asked. */
export type CompiledHost = { rules: readonly CompiledRule[] };

type CompiledRule = { id: string; when: readonly CompiledMatch[] | undefined; outcome: OutcomeOf };

/** Compiles the conditions of a host once for many requests. */
export const compileHost = ({ rules }: TableHost): CompiledHost => ({ rules: rules.map(compileRule) });

const compileRule = (rule: TableRule): CompiledRule => ({
  id: rule.id,
  when: rule.when?.map((match) => compileMatch(match, rule.id)),
  outcome: compileOutcome(rule),
});

/** The hosts that may cover a name, in the order they are looked up: itself, the nearest wildcard above first, the default. */
export function coveringHosts(name: Bytes): string[] {
  const hosts = [name];
  for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1)) hosts.push(`*${name.slice(at)}`);
  return [...hosts, "*"];
}

/** The table as far as requests are explained by it. */
export type MatchTable = { host(name: string): CompiledHost | undefined; pool: PoolLookup };

/**
 * Where a request goes and why, by trying the rules one after another. This is what nginx does in Lua, written a second
 * time: each is checked against the other.
 */
export function explain(request: HttpRequest, table: MatchTable): Explanation {
  const route = coveringHosts(request.host).find((host) => table.host(host) !== undefined);
  const host = route === undefined ? undefined : table.host(route);
  if (route === undefined || !host) return { outcomes: [], skipped: [], reason: "no_such_host" };
  const tried = tryRules(host.rules, subjectOf(request), table.pool);
  return { route, ...tried };
}

function tryRules(
  rules: readonly CompiledRule[],
  subject: Subject,
  pool: PoolLookup,
): Omit<Explanation, "route"> {
  const outcomes: Outcome[] = [];
  const skipped: { rule: string; because: string[] }[] = [];
  let reason: Explanation["reason"];
  // The part of such requests that no rule so far has taken.
  let left = 1;
  for (const { id, when, outcome } of rules) {
    const { share, because } = alternatives(when, subject);
    if (share === 0) skipped.push({ rule: id, because });
    else {
      const { reason: why, ...done } = outcome(subject, pool);
      outcomes.push({ rule: id, share: left * share, ...done });
      reason ??= why;
      left *= 1 - share;
    }
    if (left === 0) break;
  }
  if (left > 0) reason ??= "no_such_path";
  return { outcomes, skipped: skipped.slice(0, skippedRulesMax), ...(reason && { reason }) };
}

/** How likely one of the alternatives holds. Chance is drawn for each of them on its own. */
function alternatives(
  when: readonly CompiledMatch[] | undefined,
  subject: Subject,
): { share: number; because: string[] } {
  if (!when) return { share: 1, because: [] };
  let fails = 1;
  const because: string[] = [];
  for (const match of when) {
    const verdict = match(subject);
    fails *= 1 - verdict.share;
    if (verdict.because !== undefined) because.push(verdict.because);
    if (fails === 0) break;
  }
  return { share: 1 - fails, because };
}
