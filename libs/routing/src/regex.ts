import { RE2JS, RE2JSException } from "re2js";

/** A pattern of the linear-time syntax, ready to be searched for. Throws RE2JSException for any other. */
export const compileRegex = (pattern: string, ignoreCase = false): RE2JS =>
  RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);

/** Why a pattern is not taken; undefined when it is. */
export function regexFault(pattern: string): string | undefined {
  try {
    compileRegex(pattern);
    return undefined;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return `not a regex of the linear-time syntax (RE2: no look-around, no back-references): ${error.message}`;
  }
}
