import { domainToASCII } from "node:url";

/** A host as the APIs name it: one with other letters than ASCII in punycode, anything else as it was written. */
export function hostName(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text;
  const [, star = "", rest = ""] = /^(\*\.)?(.*)$/s.exec(text) ?? [];
  const ascii = domainToASCII(rest);
  return ascii === "" ? text : `${star}${ascii}`;
}
