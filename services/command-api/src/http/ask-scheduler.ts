import {
  type DrainPlanRequest,
  liveSubjects,
  PlanRefusal,
  type PlanRequest,
  type RebalanceRequest,
  type ReplacePlanRequest,
  type UpgradePlanRequest,
  type UsageRequest,
  type WhyNotRequest,
} from "@eru/events";
import { type Live, LogUnavailableError } from "@eru/log";
import { Problem } from "@eru/service";
import type { z } from "zod";

/** What the scheduler can be asked. */
type Question =
  | PlanRequest
  | UpgradePlanRequest
  | DrainPlanRequest
  | RebalanceRequest
  | ReplacePlanRequest
  | WhyNotRequest
  | UsageRequest;

/** Asks the scheduler what it would decide, or why. Whatever keeps it from answering is a 503 that says so. */
export async function askScheduler<S extends z.ZodType>(
  live: Live,
  {
    asked,
    answer,
    timeoutMs,
    subject = liveSubjects.plan,
  }: { asked: Question; answer: S; timeoutMs: number; subject?: string },
): Promise<z.output<S>> {
  const unavailable = (detail: string, cause?: unknown) =>
    new Problem(503, "no_plan", detail, { headers: { "retry-after": "2" }, cause });
  let reply: unknown;
  try {
    reply = JSON.parse(await live.request(subject, JSON.stringify(asked), timeoutMs));
  } catch (error) {
    if (error instanceof LogUnavailableError)
      throw unavailable(`no scheduler answered: see that one runs, and try again`, error);
    if (error instanceof SyntaxError) throw unavailable("the scheduler's answer is not readable", error);
    throw error;
  }
  const refusal = PlanRefusal.safeParse(reply);
  if (refusal.success && refusal.data.code !== undefined) {
    const { code, error } = refusal.data;
    throw new Problem(code === "seq_unknown" ? 422 : 404, code, error);
  }
  if (refusal.success) throw unavailable(`the scheduler cannot answer now: ${refusal.data.error}`);
  const parsed = answer.safeParse(reply);
  if (!parsed.success)
    throw unavailable("the scheduler's answer is not readable: deploy the same version of both");
  return parsed.data;
}
