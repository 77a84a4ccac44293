import { RE2JS, RE2JSException } from "re2js";
import { type Bytes, bytesOf } from "./bytes.ts";

/** A regex that is searched for in bytes, in linear time. */
export type ByteRegex = {
  /** How many groups it has. */
  readonly groups: number;
  test(value: Bytes): boolean;
  /** The first match and its groups, `undefined` for a group that took no part; undefined when nothing matches. */
  exec(value: Bytes): (Bytes | undefined)[] | undefined;
};

/**
 * Why a pattern is not of the subset that RE2 and PCRE (in nginx) read alike; undefined when it is. What only one of them
 * knows is refused by its own syntax: look-around and back-references by RE2, here the rest.
 */
export function regexSubsetFault(pattern: string, ignoreCase = false): string | undefined {
  try {
    RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return `not a regex of the linear-time syntax (RE2: no look-around, no back-references): ${error.message}`;
  }
  const fault = [...tokens(pattern)].map((token) => faultOf(token)).find((one) => one !== undefined);
  if (fault !== undefined) return fault;
  if (!isAscii(pattern) && (ignoreCase || /\(\?[a-zA-Z]*i/.test(pattern)))
    return "case is ignored for ASCII letters only: leave out ignoreCase, or write both cases as (é|É)";
  return undefined;
}

/** A pattern of the subset, ready for bytes. Throws RE2JSException for a pattern that is not of it. */
export function byteRegex(pattern: string, ignoreCase = false): ByteRegex {
  const regex = RE2JS.compile(translated(pattern), ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  return {
    groups: regex.groupCount(),
    test: (value) => regex.matcher(value).find(),
    exec: (value) => {
      const matcher = regex.matcher(value);
      if (!matcher.find()) return undefined;
      return Array.from(
        { length: matcher.groupCount() + 1 },
        (_, index) => matcher.group(index) ?? undefined,
      );
    },
  };
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** Escapes, classes, groups' heads and repetitions as whole pieces, everything else as single characters. */
function* tokens(pattern: string): Generator<string> {
  const piece =
    /\\(?:x\{[^}]*\}?|x[0-9A-Fa-f]{0,2}|[pP]\{[^}]*\}?|[\s\S]|$)|\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]?|\(\?P?<\w*>?|\(\?[^:)<]*[:)]?|\{[^}]*\}?|[\s\S]/gu;
  for (const [token] of pattern.matchAll(piece)) yield token;
}

const escapes = /^\\(?:[\^$.*+?()[\]{}|\\/"'`~!@#%&=<>,:;_ -]|[AbBdDsSwWtnrfa]|x[0-9A-Fa-f]{2})$/;

function faultOf(token: string): string | undefined {
  if (token.startsWith("\\") && !escapes.test(token))
    return `${token} is not read alike by every load balancer: escapes are \\d \\w \\s \\b and their opposites, \\A \\t \\n \\r \\f \\a, \\x and two digits, and \\ before a sign`;
  if (token.startsWith("[")) return faultOfClass(token);
  if (token.startsWith("(?") && !/^\(\?(?:[is]*(?:-[is]+)?[:)]|P?<[A-Za-z_]\w{0,30}>)/.test(token))
    return `${token} is not known: groups are (…), (?:…), (?i:…) and (?P<name>…)`;
  if (token.startsWith("{") && !/^\{\d{1,3}(?:,\d{0,3})?\}$/.test(token))
    return `${token} is not a repetition like {2} or {2,5}: write \\{ for the sign`;
  return undefined;
}

function faultOfClass(token: string): string | undefined {
  if (/^\[:\^?\w*:\]$/.test(token)) return `${token} stands inside another pair of brackets: [${token}]`;
  if (/.\[[.=]/.test(token)) return `in ${token}: [. and [= mean nothing here, write \\[`;
  if (!isAscii(token)) return `in ${token}: a class holds ASCII only, write (é|è) for other characters`;
  for (const [sign] of token.matchAll(/\\(?:x[0-9A-Fa-f]{0,2}|[\s\S])/g))
    if (!escapes.test(sign) || /^\\[AbB]$/.test(sign)) return `in ${token}: ${sign} is not known in a class`;
  if (/\\[dDsSwW]-[^\]]|[^[^]-\\[dDsSwW]/.test(token))
    return `in ${token}: a range ends in single characters`;
  return undefined;
}

/** In PCRE `\s` has the vertical tab, in RE2 it has not. */
function translated(pattern: string): string {
  const space = "\\t-\\r ";
  return bytesOf(
    [...tokens(pattern)]
      .map((token) => {
        if (token === "\\s") return `[${space}]`;
        if (token === "\\S") return `[^${space}]`;
        if (token.startsWith("["))
          return token.replaceAll(/\\[\s\S]|\[:space:\]/g, (part) => (part === "\\s" ? space : part));
        return token;
      })
      .join(""),
  );
}
