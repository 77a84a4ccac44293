import { Problem } from "@eru/service";
import type { PlanChange } from "../domain/plan-difference.ts";

/** Differences that are told; more are counted. */
const toldMax = 20;

/** The refusal of a plan that would come out differently now, with every difference. */
export function planChanged(
  expected: { atSeq: number },
  now: { atSeq: number },
  changes: readonly PlanChange[],
): Problem {
  const told = changes.slice(0, toldMax);
  const rest = changes.length - told.length;
  const list = told.map(sentence).join("; ") + (rest > 0 ? `; and ${rest} more` : "");
  const faults = told.map((change) => ({
    field: change.field,
    value: change.planned,
    message: sentence(change),
  }));
  return new Problem(
    409,
    "plan_changed",
    `what the plan of sequence ${expected.atSeq} rests on has changed by sequence ${now.atSeq}, nothing was recorded: ${list}; make a new plan with ?dryRun=true, or leave \`expect\` out`,
    { faults },
  );
}

const sentence = ({ what, planned, now, because }: PlanChange): string =>
  `${what}: ${planned} planned, ${now} now${because === "" ? "" : ` (${because})`}`;
