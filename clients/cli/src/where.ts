import { Affinity, Preference, Spread } from "@eru/events";
import { InvalidArgumentError } from "commander";
import type { z } from "zod";
import { readConstraint } from "./constraint.ts";

type Rule = Affinity["rule"];

const affinityHelp =
  "Write an app, or app/entrypoint, with ~label for nodes that share it, as 'db', 'shop/cache' or 'db~zone'.";

/** Affinities of a repeatable option: `db`, `shop/cache`, `db~zone`; of preferences with `=weight`. */
export const collectAffinity =
  (rule: Rule) =>
  (text: string, before: readonly Affinity[] = []): Affinity[] => {
    const weighed = rule === "prefer" || rule === "avoid";
    const { rest, weight } = weighed ? weightOf(text) : { rest: text, weight: undefined };
    const [, app, entrypoint, over] = /^([^/~]+)(?:\/([^/~]+))?(?:~(.+))?$/.exec(rest.trim()) ?? [];
    const to = { app, ...(entrypoint !== undefined && { entrypoint }) };
    const read = { to, rule, ...(over !== undefined && { over }), ...(weight !== undefined && { weight }) };
    return [...before, checked(Affinity, read, affinityHelp)];
  };

/** Preferences of a repeatable option: a condition on a label, with `=weight` behind it. */
export function collectPreference(text: string, before: readonly Preference[] = []): Preference[] {
  const { rest, weight } = weightOf(text);
  const read = { constraint: readConstraint(rest), ...(weight !== undefined && { weight }) };
  return [
    ...before,
    checked(
      Preference,
      read,
      "Write a condition, with its weight behind = if you like, as 'zone in a,b' or 'disk exists =5'.",
    ),
  ];
}

/** `zone`, or `zone:a=2,b=1`. */
export function parseSpread(text: string): Spread {
  const [label, list] = text.split(/:(.*)/s);
  const targets = list?.split(",").map((part) => {
    const at = part.lastIndexOf("=");
    return {
      value: part.slice(0, at < 0 ? undefined : at).trim(),
      weight: at < 0 ? 1 : Number(part.slice(at + 1)),
    };
  });
  const help = "Write a label, as 'zone', or a label with weights, as 'zone:a=2,b=1'.";
  return checked(Spread, { label, ...(targets && { targets }) }, help);
}

function weightOf(text: string): { rest: string; weight: number | undefined } {
  const [, rest, weight] = /^(.*?)\s*=\s*(\d+)\s*$/s.exec(text) ?? [];
  // `kernel >= 6` is a condition, not a weight.
  if (rest === undefined || rest.endsWith(">") || rest.endsWith("<"))
    return { rest: text, weight: undefined };
  return { rest, weight: Number(weight) };
}

function checked<S extends z.ZodType>(schema: S, value: unknown, help: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [fault] = parsed.error.issues;
  throw new InvalidArgumentError(`${fault ? `${fault.path.join(".")}: ${fault.message}. ` : ""}${help}`);
}
