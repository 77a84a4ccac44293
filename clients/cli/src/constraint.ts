import { Constraint } from "@eru/events";
import { InvalidArgumentError } from "commander";

const help =
  "Write a condition as 'zone in a,b', 'zone not in a,b', 'gpu exists', 'gpu not exists', 'cores > 7', 'cores < 64' or 'kernel >= 6.10'.";

/** Conditions on labels of a repeatable option, checked as the server checks each. */
export function collectConstraint(text: string, before: readonly Constraint[] = []): Constraint[] {
  const parsed = Constraint.safeParse(readConstraint(text));
  if (parsed.success) return [...before, parsed.data];
  const [fault] = parsed.error.issues;
  throw new InvalidArgumentError(`${fault ? `${fault.path.join(".")}: ${fault.message}. ` : ""}${help}`);
}

/** A condition as it is written, not yet checked. */
export function readConstraint(text: string): unknown {
  const [, label, not, presence] = /^\s*(\S+?)\s+(not\s+)?(exists)\s*$/.exec(text) ?? [];
  if (presence) return { label, op: not ? "not_exists" : "exists" };
  const [, of, without, list] = /^\s*(\S+?)\s+(not\s+)?in\s+(.*)$/.exec(text) ?? [];
  if (of !== undefined) {
    const values = (list ?? "").split(",").map((value) => value.trim());
    // A comma too many would otherwise allow nodes whose label is empty.
    if (values.some((value) => value === ""))
      throw new InvalidArgumentError(`Write values with commas. ${help}`);
    return { label: of, op: without ? "not_in" : "in", values };
  }
  const [, name, sign, value] = /^\s*([^\s<>=]+)\s*(>=|>|<)\s*([^\s<>=]+)\s*$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError(help);
  if (sign === ">=") return { label: name, op: "version", values: [`>=${value}`] };
  return { label: name, op: sign === ">" ? "gt" : "lt", values: [value] };
}
