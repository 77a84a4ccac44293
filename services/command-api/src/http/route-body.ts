import { RouteContent, Rule, ruleLimits, rulesFrom, ShortRule } from "@eru/events";
import { type RouteFault, routeFaults } from "@eru/routing";
import { Problem } from "@eru/service";
import { z } from "zod";

/** What is declared for a host; a rule may be given in its short form. */
export const RouteBody = z.strictObject({
  ...RouteContent.shape,
  rules: z
    .array(z.union([Rule, ShortRule]))
    .min(1, "a route needs at least one rule")
    .max(ruleLimits.rulesMax, `a route has at most ${ruleLimits.rulesMax} rules`),
});
type RouteBody = z.output<typeof RouteBody>;

/** A declaration in full, and where in what was sent its parts came from. */
export type Declaration = { content: RouteContent; fieldOf: (at: readonly (string | number)[]) => string };

/**
 * The declaration that a body means.
 * @throws Problem its rules cannot stand together, or not in a load balancer
 */
export function declarationOf(host: string, body: RouteBody): Declaration {
  const shorts = new Set(body.rules.flatMap((rule, index) => ("action" in rule ? [] : [index])));
  const expanded = rulesFrom(body.rules.filter((rule): rule is ShortRule => !("action" in rule)));
  const rules = body.rules.map((rule) => ("action" in rule ? rule : (expanded.shift() as Rule)));
  const fieldOf = (at: readonly (string | number)[]) => sentField(at, shorts);
  const twice = rules.findIndex(({ id }, index) => rules.findIndex((one) => one.id === id) < index);
  if (twice >= 0) throw faulty([twiceNamed(rules, twice, shorts)], fieldOf);
  const content = { ...body, rules };
  const faults = routeFaults(host, content);
  if (faults.length > 0) throw faulty(faults, fieldOf);
  return { content, fieldOf };
}

function twiceNamed(rules: readonly Rule[], twice: number, shorts: ReadonlySet<number>): RouteFault {
  const id = rules[twice]?.id ?? "";
  const first = rules.findIndex((rule) => rule.id === id);
  return {
    at: ["rules", twice, "id"],
    value: id,
    message: shorts.has(twice)
      ? `two rules have the same pathPrefix: rules.${first} and rules.${twice} are both \`${id}\`, so only one could ever match`
      : `two rules have the same id: rules.${first} and rules.${twice} are both \`${id}\`, and logs could not tell them apart`,
  };
}

function faulty(faults: readonly RouteFault[], fieldOf: Declaration["fieldOf"]): Problem {
  const [first] = faults;
  return new Problem(
    422,
    "invalid_rules",
    `nothing was declared: ${first?.message}${faults.length > 1 ? `; and ${faults.length - 1} more in \`faults\`` : ""}`,
    {
      faults: faults.map(({ at, value, message }) => ({
        field: fieldOf(at),
        ...(value !== undefined && { value }),
        message,
      })),
    },
  );
}

/** A field of a short rule by the name it was sent under. */
function sentField(at: readonly (string | number)[], shorts: ReadonlySet<number>): string {
  const [, index, part] = at;
  if (typeof index !== "number" || !shorts.has(index)) return at.join(".");
  if (part === "when" || part === "id") return `rules.${index}.pathPrefix`;
  return part === "action" ? `rules.${index}.${at.at(-1)}` : `rules.${index}`;
}
