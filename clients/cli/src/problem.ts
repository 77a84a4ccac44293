import { z } from "zod";
import { CliError, exitCodes } from "./errors.ts";
import { nextStep } from "./next-steps.ts";

const ProblemBody = z.object({
  detail: z.string(),
  code: z.string(),
  correlationId: z.string().optional(),
  faults: z
    .array(z.object({ field: z.string(), value: z.unknown().optional(), message: z.string() }))
    .default([]),
});

/** JSON, or undefined for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An error answer as a failure of the command. `key`: of the command, whose fate a 5xx leaves open. */
export function problemError(
  answer: { status: number; type: string; text: string },
  base: string,
  key?: string,
): CliError {
  const { status, type, text } = answer;
  const problem = status >= 400 ? ProblemBody.safeParse(parseJson(text)) : undefined;
  if (!problem?.success)
    return new CliError(
      exitCodes.unreachable,
      `${base} answered ${status} ${type || "without content"}, which is not Eru's answer`,
      { next: "check the URLs with `eru context show`" },
    );
  const { detail, code, faults, correlationId } = problem.data;
  if (status < 500) return new CliError(exitCodes.refused, detail, { faults, code, next: nextStep(code) });
  const next =
    key !== undefined
      ? sameKey(key)
      : correlationId && `look for correlation id ${correlationId} in the service's log`;
  return new CliError(exitCodes.unreachable, detail, { faults, code, next });
}

/** How a command is sent again safely when nobody knows whether it was recorded. */
export const sameKey = (key: string): string =>
  `run it again with --command-id ${key}: however often, it happens at most once`;
