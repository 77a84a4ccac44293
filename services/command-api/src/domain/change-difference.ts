import type {
  DrainPlanExpectation,
  DrainPlanReply,
  UpgradePlanExpectation,
  UpgradePlanReply,
} from "@eru/events";
import { helpOf, numberOtherwise, otherLog, type PlanChange, placedOtherwise } from "./plan-difference.ts";

/**
 * What an upgrade would do otherwise now than its plan says; empty when nothing. Risks that are gone are no difference: who
 * agreed to them agrees to fewer.
 */
export function upgradeDifference(expected: UpgradePlanExpectation, now: UpgradePlanReply): PlanChange[] {
  const other = otherLog(expected, now);
  if (other) return [other];
  const known = new Set(expected.risks.map(({ reason }) => reason));
  return [
    ...(expected.from && now.from && expected.from.seq !== now.from.seq
      ? numberOtherwise(
          "what runs",
          "expect.from",
          `${expected.from.release} of sequence ${expected.from.seq}`,
          `${now.from.release} of sequence ${now.from.seq}`,
          "it was upgraded meanwhile",
        )
      : []),
    ...numberOtherwise("workloads to replace", "expect.workloads", expected.workloads, now.workloads),
    ...numberOtherwise("how", "expect.how", expected.how, now.how),
    ...placedOtherwise(expected.placed, now.placed, now.reasons, {
      field: "expect.placed",
      what: (node) => node,
    }),
    ...numberOtherwise("waiting", "expect.waiting", expected.waiting, now.waiting, helpOf(now.reasons)),
    ...now.risks.flatMap(({ reason, detail }) =>
      known.has(reason) ? [] : numberOtherwise("risk", "expect.risks", "none", reason, detail),
    ),
  ];
}

type Moved = DrainPlanExpectation["deployments"][number];

/** What a drain would move otherwise now than its plan says, by deployment; empty when nothing. */
export function drainDifference(expected: DrainPlanExpectation, now: DrainPlanReply): PlanChange[] {
  const other = otherLog(expected, now);
  if (other) return [other];
  const [planned, found] = [byId(expected.deployments), byId(now.deployments)];
  const changes = [...new Set([...planned.keys(), ...found.keys()])].sort().flatMap((id) => {
    const then = planned.get(id) ?? nothing;
    const { reasons, ...moved } = found.get(id) ?? { ...nothing, reasons: unknown };
    const field = `expect.deployments.${id}`;
    const differs = (what: string, key: string, before: number, after: number, because = "") =>
      numberOtherwise(`${id} ${what}`, `${field}.${key}`, before, after, because);
    return [
      ...differs("on the node", "workloads", then.workloads, moved.workloads),
      ...placedOtherwise(then.placed, moved.placed, reasons, {
        field: `${field}.placed`,
        what: (node) => `${id} to ${node}`,
      }),
      ...differs("that stay", "stuck", then.stuck, moved.stuck, helpOf(reasons)),
      ...differs("not replaced elsewhere", "dropped", then.dropped ?? 0, moved.dropped ?? 0),
    ];
  });
  const total = numberOtherwise(
    "deployments there",
    "expect.deploymentsTotal",
    expected.deploymentsTotal,
    now.deploymentsTotal,
  );
  return [...total, ...changes];
}

const nothing: Omit<Moved, "deployment"> = { workloads: 0, placed: [], stuck: 0 };
const unknown = { rejected: [], scores: [], wouldHelp: [] };

const byId = <T extends { deployment: string }>(all: readonly T[]): Map<string, T> =>
  new Map(all.map((one) => [one.deployment, one]));
