import { z } from "zod";
import { withoutUnions } from "./union-fault.ts";

/** One field of a request that is not as it must be. */
export const FieldFault = z.object({
  /** Where: a JSON path such as `resources.cpu`, or `line 4, column 3` of a YAML text. */
  field: z.string(),
  /** What was sent, shortened. */
  value: z.unknown().optional(),
  message: z.string(),
});
export type FieldFault = z.infer<typeof FieldFault>;

/** The body of every error answer: RFC 9457, `application/problem+json`. */
export const ProblemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  /** What happened, with names and values, and what to do. */
  detail: z.string(),
  /** Machine-readable reason, stable across versions. */
  code: z.string(),
  correlationId: z.string().optional(),
  /** The command that was refused, or whose fate is unknown: sent again as `Idempotency-Key` it happens at most once. */
  commandId: z.string().optional(),
  faults: z.array(FieldFault).optional(),
});
export type ProblemBody = z.infer<typeof ProblemBody>;

/** An answer that is an error: thrown anywhere below a route, rendered once by the HTTP frame. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly faults: readonly FieldFault[];
  readonly headers: Readonly<Record<string, string>>;
  readonly commandId: string | undefined;
  constructor(
    status: number,
    code: string,
    detail: string,
    more: {
      faults?: readonly FieldFault[];
      headers?: Record<string, string>;
      commandId?: string;
      cause?: unknown;
    } = {},
  ) {
    super(detail, { cause: more.cause });
    this.status = status;
    this.code = code;
    this.faults = more.faults ?? [];
    this.headers = more.headers ?? {};
    this.commandId = more.commandId;
  }
}

const shownLengthMax = 120;
/** Fields whose value is shown to nobody, not even in part. */
const secretField = /^(key|password|token|secret)$/;

/** Zod's issues as faults a person can act on; `input` is what was parsed, so that the value can be shown. */
export function faultsOf(error: z.ZodError, input: unknown): FieldFault[] {
  const faults = withoutUnions(error.issues).flatMap((issue) => faultsOfIssue(issue, input));
  // A field that breaks several rules in the same way needs to be told once.
  return faults.filter(
    ({ field, message }, at) =>
      faults.findIndex((other) => other.field === field && other.message === message) === at,
  );
}

function faultsOfIssue(issue: z.core.$ZodIssue, input: unknown): FieldFault[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      field: [...path, key].join("."),
      message: `unknown field ${JSON.stringify(key)}: remove it or correct its spelling`,
    }));
  const value = secretField.test(path.at(-1) ?? "") ? undefined : valueAt(input, issue.path);
  // What is wrong with a key is said one level down.
  const said = issue.code === "invalid_key" ? issue.issues : [issue];
  return said.map(({ message }) => ({
    field: path.join(".") || "(the whole body)",
    ...(value === undefined ? {} : { value: shorten(value) }),
    message,
  }));
}

const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );

function shorten(value: unknown): unknown {
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length <= shownLengthMax
      ? value
      : `${text.slice(0, shownLengthMax)}… (${text.length} characters)`;
  } catch (error) {
    // Brackets in brackets without end: parsed without recursion, but not written so.
    if (error instanceof RangeError) return "(nested too deep to show)";
    throw error;
  }
}
