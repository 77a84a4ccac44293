import { type Match, type RouteContent, type Rule, ruleLimits } from "@eru/events";
import { regexSubsetFault } from "./byte-regex.ts";
import { canonical } from "./canonical.ts";
import { actionFaults, matchFaults } from "./contradictions.ts";
import { hostLine } from "./edge-lines.ts";
import { inPrecedence } from "./precedence.ts";
import type { RouteFault } from "./route-fault.ts";

/**
 * What no schema sees: regexes that a linear-time engine does not take, conditions that contradict each other, rules
 * that can never match, and a route too large for its line in the table. Empty: nothing is wrong.
 */
export function routeFaults(host: string, content: RouteContent): RouteFault[] {
  const faults = content.rules.flatMap((rule, index) =>
    ruleFaults(rule).map((fault) => ({ ...fault, at: ["rules", index, ...fault.at] })),
  );
  return [...faults, ...sizeFaults(host, content), ...coverFaults(content.rules)];
}

function sizeFaults(host: string, content: RouteContent): RouteFault[] {
  const { regexesMax, lineBytesMax } = ruleLimits;
  const regexes = content.rules.reduce((sum, rule) => sum + regexesOf(rule).length, 0);
  const line = hostLine(content);
  if (line === undefined)
    return [
      {
        at: ["rules"],
        message: "no rule is enabled: enable one, or remove the route (an undo brings it back)",
      },
    ];
  const bytes = Buffer.byteLength(`+\tr:${host}\t${line}\n`);
  return [
    ...(regexes > regexesMax
      ? [
          {
            at: ["rules"],
            value: regexes,
            message: `the rules have ${regexes} regexes, a host has at most ${regexesMax}: use prefix, suffix or in where they will do`,
          },
        ]
      : []),
    ...(bytes > lineBytesMax
      ? [
          {
            at: ["rules"],
            value: bytes,
            message: `the rules take ${bytes} bytes of a load balancer's table, a host has at most ${lineBytesMax}: shorten them, or spread them over several hosts`,
          },
        ]
      : []),
  ];
}

/** Rules with the same conditions at the same priority: only the first of them ever matches. */
function coverFaults(rules: readonly Rule[]): RouteFault[] {
  const seen = new Map<string, string>();
  const faults: RouteFault[] = [];
  for (const { id, priority, when } of inPrecedence(rules)) {
    const key = `${priority} ${canonical(when ?? [])}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, id);
    else
      faults.push({
        at: ["rules", rules.findIndex((rule) => rule.id === id), "when"],
        value: id,
        message: `rule \`${id}\` can never match: \`${first}\` has the same conditions and comes first; remove one of the two, or give one of them a higher priority`,
      });
  }
  return faults;
}

function ruleFaults(rule: Rule): RouteFault[] {
  const faults: RouteFault[] = [];
  for (const { at, pattern, ignoreCase } of regexesOf(rule)) {
    const why = regexSubsetFault(pattern, ignoreCase);
    if (why !== undefined) faults.push({ at, value: pattern, message: why });
  }
  for (const [index, match] of (rule.when ?? []).entries())
    faults.push(...matchFaults(match).map((fault) => ({ ...fault, at: ["when", index, ...fault.at] })));
  faults.push(...actionFaults(rule).map((fault) => ({ ...fault, at: ["action", ...fault.at] })));
  return faults;
}

type NamedRegex = { at: (string | number)[]; pattern: string; ignoreCase?: boolean | undefined };

/** Every regex of a rule, with its place in it. */
function regexesOf({ when = [], action }: Rule): NamedRegex[] {
  const found = when.flatMap((match, index) => [
    ...regexesOfCondition(match, ["when", index]),
    ...(match.not ?? []).flatMap((condition, place) =>
      regexesOfCondition(condition, ["when", index, "not", place]),
    ),
  ]);
  const rewrite = "forward" in action ? action.forward.rewrite?.regex : undefined;
  if (rewrite)
    found.push({ at: ["action", "forward", "rewrite", "regex", "pattern"], pattern: rewrite.pattern });
  return found;
}

function regexesOfCondition(
  { path, userAgent, headers, query, cookies }: Match,
  at: (string | number)[],
): NamedRegex[] {
  const single = { path, userAgent };
  const named = { headers, query, cookies };
  const found = (
    place: (string | number)[],
    { regex, ignoreCase }: { regex: string; ignoreCase?: boolean | undefined },
  ): NamedRegex => ({ at: place, pattern: regex, ignoreCase });
  return [
    ...Object.entries(single).flatMap(([field, value]) =>
      value && "regex" in value ? [found([...at, field, "regex"], value)] : [],
    ),
    ...Object.entries(named).flatMap(([field, record]) =>
      Object.entries(record ?? {}).flatMap(([name, value]) =>
        "regex" in value ? [found([...at, field, name, "regex"], value)] : [],
      ),
    ),
  ];
}
