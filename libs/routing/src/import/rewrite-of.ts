import { type Rewrite, ruleLimits } from "@eru/events";

type PathRewrite = NonNullable<Rewrite["regex"]>;

/**
 * The rewrite that makes the first group of a regex the whole path, or `/` of a regex without groups, and whether a slash
 * is put before the group. Undefined when the pattern gets too long.
 */
export function rewriteOf(pattern: string): { regex: PathRewrite; addsSlash: boolean } | undefined {
  const group = firstGroup(pattern);
  const addsSlash = group !== undefined && !/^\\?\//.test(group);
  const whole = `^(?s:.*?)(?:${pattern})(?s:.*)$`;
  if (whole.length > ruleLimits.regexLengthMax) return undefined;
  const replacement = group === undefined ? "/" : addsSlash ? "/$1" : "$1";
  return { regex: { pattern: whole, replacement }, addsSlash };
}

/** What stands in the first capturing group. */
function firstGroup(pattern: string): string | undefined {
  const plain = /\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\((?!\?)|\(\?P?<\w+>/g;
  for (const found of pattern.matchAll(plain))
    if (found[0].startsWith("(")) return pattern.slice(found.index + found[0].length);
  return undefined;
}
