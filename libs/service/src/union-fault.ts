import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/**
 * Issues of a union as those of the form that was meant: the one whose keys fit best. When none fits better than the
 * others, one issue that names what tells the forms apart.
 */
export function withoutUnions(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => (issue.code === "invalid_union" ? ofUnion(issue) : [issue]));
}

function ofUnion(issue: Extract<Issue, { code: "invalid_union" }>): Issue[] {
  const forms = issue.errors.map((all) => ({ all, misfit: misfitOf(all) }));
  const least = Math.min(...forms.map(({ misfit }) => misfit));
  const [best, second] = forms.filter(({ misfit }) => misfit === least);
  const said = issue.message !== "Invalid input";
  if (best && !second && !isWrongThroughout(best.all))
    return withoutUnions(best.all.map((one) => ({ ...one, path: [...issue.path, ...one.path] })));
  if (said) return [issue];
  const wanted = forms.flatMap(({ all }) => expectedIn(all));
  const names = [...new Set(wanted)].join(", ");
  return [{ ...issue, message: names === "" ? "no form of it fits" : `one of these is wanted: ${names}` }];
}

/** How far a value is from having the keys of a form, whatever stands under them. */
function misfitOf(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (isWrongThroughout([issue])) return sum + 100;
    if (issue.code === "unrecognized_keys" && issue.path.length === 0) return sum + 2 * issue.keys.length;
    if (isMissing(issue)) return sum + 2;
    return sum + (issue.path.length === 0 ? 1 : 0);
  }, 0);
}

const isWrongThroughout = ([issue]: readonly Issue[]): boolean =>
  issue !== undefined &&
  issue.path.length === 0 &&
  ["invalid_type", "invalid_value", "invalid_union"].includes(issue.code);

/** A key of the form that is not there. What is missing is read off the message: an issue does not carry its input. */
const isMissing = (issue: Issue): boolean =>
  issue.path.length === 1 && issue.message.endsWith("received undefined");

/** What a form would have liked to see: its missing keys, or the values it takes. */
function expectedIn(issues: readonly Issue[]): string[] {
  return issues.flatMap((issue) => {
    if (isMissing(issue)) return [String(issue.path[0])];
    if (issue.path.length > 0) return [];
    if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value));
    if (issue.code === "invalid_type" && issue.expected !== "object") return [`a ${issue.expected}`];
    return issue.code === "invalid_union" ? issue.errors.flatMap((all) => expectedIn(all)) : [];
  });
}
