import { domainToASCII } from "node:url";
import { HostName } from "@eru/events";
import { z } from "zod";

/**
 * A host as users write it: unicode becomes punycode, and what cannot be a host is refused with what to write instead.
 */
export const Host = z
  .string()
  .transform((text, context): string => {
    const say = (message: string): never => {
      context.addIssue({ code: "custom", message, input: text });
      return z.NEVER;
    };
    const [, host, port] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
    if (port !== undefined)
      return say(
        `a host has no port: declare \`${host}\`, and tell ports apart in its rules with \`when: [{port: ${port}}]\``,
      );
    if (/^https?:\/\//i.test(text))
      return say("a host is wanted, not a URL: leave out the scheme and what follows the host");
    const parsed = HostName.safeParse(punycode(text));
    if (parsed.success) return parsed.data;
    return say(`${parsed.error.issues[0]?.message}${inOtherWords(text)}`);
  })
  .describe(
    "Exact, `*.example.org` for a wildcard, or `*` for the default. Unicode is turned into punycode.",
  );

/** The ASCII form of a host with other letters; what has none stays as it is. */
function punycode(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text;
  const [, star = "", rest = ""] = /^(\*\.)?(.*)$/s.exec(text) ?? [];
  const ascii = domainToASCII(rest);
  return ascii === "" ? text : `${star}${ascii}`;
}

/** What was probably meant: the host in lower case, without a dot at its end. */
function inOtherWords(text: string): string {
  const better = text.trim().toLowerCase().replace(/\.$/, "");
  return better !== text && HostName.safeParse(better).success ? `: write \`${better}\`` : "";
}
