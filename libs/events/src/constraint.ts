import { z } from "zod";
import { LabelName, type Labels, LabelValue } from "./node.ts";

/** Most constraints of one request, and most values of one constraint. */
export const constraintsMax = 32;
const valuesMax = 64;

/** A decimal number short enough to be told from every other; labels may be finer than the bounds they are held against. */
const decimal = /^-?\d{1,9}(\.\d{1,6})?$/;
const bound = /^-?\d{1,9}(\.\d{1,3})?$/;
/** `1`, `1.2`, `1.2.3`: up to eight parts. */
const dotted = /^\d{1,9}(\.\d{1,9}){0,7}$/;
const atLeast = /^>=(\d{1,9}(\.\d{1,9}){0,7})$/;

const one = (form: RegExp, message: string) =>
  z.array(LabelValue.regex(form, message)).length(1, "exactly one value is compared with");
const number = one(bound, "a number as 8 or 2.5, with at most nine digits and three decimals");

/** A condition on one label of a node. Values are texts, as those of labels are. */
export const Constraint = z.discriminatedUnion(
  "op",
  [
    z.strictObject({
      label: LabelName,
      /** `in` needs the label; `not_in` is also true of a node without it. */
      op: z.enum(["in", "not_in"]),
      values: z.array(LabelValue).min(1, "at least one value is needed").max(valuesMax),
    }),
    z.strictObject({ label: LabelName, op: z.enum(["exists", "not_exists"]) }),
    /** The label is a number above, or below, the value. */
    z.strictObject({ label: LabelName, op: z.enum(["gt", "lt"]), values: number }),
    /** The label is dotted numbers, compared part by part: 1.10 is above 1.9, and 1.2 is 1.2.0. */
    z.strictObject({
      label: LabelName,
      op: z.literal("version"),
      values: one(atLeast, "a version is >= and dotted numbers, as >=1.2.3"),
    }),
  ],
  { error: "op is one of in, not_in, exists, not_exists, gt, lt, version" },
);
export type Constraint = z.infer<typeof Constraint>;

/** Whether a label's value, undefined on a node without it, meets the constraint. */
export function meets(constraint: Constraint, value: string | undefined): boolean {
  switch (constraint.op) {
    case "exists":
      return value !== undefined;
    case "not_exists":
      return value === undefined;
    case "in":
      return value !== undefined && constraint.values.includes(value);
    case "not_in":
      return value === undefined || !constraint.values.includes(value);
    case "version":
      return value !== undefined && dotted.test(value) && compareDotted(value, leastOf(constraint)) >= 0;
    default: {
      if (value === undefined || !decimal.test(value)) return false;
      const limit = Number(constraint.values[0]);
      return constraint.op === "gt" ? Number(value) > limit : Number(value) < limit;
    }
  }
}

const leastOf = ({ values }: Extract<Constraint, { op: "version" }>): string => (values[0] ?? "").slice(2);

function compareDotted(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What the constraint wants of its label, in words. */
export function wantedBy(constraint: Constraint): string {
  const listed = (values: readonly string[]) => values.map((value) => `"${value}"`).join(", ");
  switch (constraint.op) {
    case "exists":
      return "any value";
    case "not_exists":
      return "no such label";
    case "in":
      return `one of ${listed(constraint.values)}`;
    case "not_in":
      return `none of ${listed(constraint.values)}`;
    case "version":
      return `version ${constraint.values[0]}`;
    default:
      return `a number ${constraint.op === "gt" ? "above" : "below"} ${constraint.values[0]}`;
  }
}

/** A node without the label meets these only. */
const meetsWithout = (constraint: Constraint): boolean => meets(constraint, undefined);

/**
 * The first constraint that no node can meet together with the wanted labels and the constraints before it, and why.
 * Undefined when every label can still have a value, or be absent, that meets all that is asked of it.
 */
export function contradiction(filter: {
  labels: Labels;
  constraints?: readonly Constraint[] | undefined;
}): { at: number; message: string } | undefined {
  const seen = new Map<string, Constraint[]>();
  for (const [at, constraint] of (filter.constraints ?? []).entries()) {
    const { label } = constraint;
    const about = seen.get(label) ?? equalities(filter.labels, label);
    seen.set(label, about);
    about.push(constraint);
    if (!isPossible(about))
      return {
        at,
        message: `no node can have a label ${label} that meets this and what else is asked of it`,
      };
  }
  return undefined;
}

const equalities = (labels: Labels, label: string): Constraint[] => {
  const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
  return value === undefined ? [] : [{ label, op: "in", values: [value] }];
};

function isPossible(about: readonly Constraint[]): boolean {
  if (about.every(meetsWithout)) return true;
  if (about.some(({ op }) => op === "not_exists")) return false;
  const finite = about.find((constraint) => constraint.op === "in");
  if (finite?.op === "in")
    return finite.values.some((value) => about.every((constraint) => meets(constraint, value)));
  // What `not_in` takes away from an endless choice leaves an endless choice, so only the bounds can clash.
  let above = Number.NEGATIVE_INFINITY;
  let below = Number.POSITIVE_INFINITY;
  for (const constraint of about) {
    if (constraint.op === "gt") above = Math.max(above, Number(constraint.values[0]));
    else if (constraint.op === "lt") below = Math.min(below, Number(constraint.values[0]));
  }
  return above < below && !versionAbove(about, below);
}

/** A label that is a version and a number at once is at least the first part of the version. */
const versionAbove = (about: readonly Constraint[], below: number): boolean =>
  about.some(
    (constraint) => constraint.op === "version" && Number(leastOf(constraint).split(".")[0]) >= below,
  );
