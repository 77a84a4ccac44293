import type { PlanExpectation, PlanReply } from "@eru/events";

/** One thing that a plan said otherwise: what a node gets, how many wait, or which log it is about. */
export type PlanChange = {
  what: string;
  field: string;
  planned: number | string;
  now: number | string;
  because: string;
};

type Placed = PlanExpectation["placed"];
type Told = Pick<PlanReply["reasons"], "rejected" | "scores" | "wouldHelp">;

/** What would be decided otherwise now than the plan says, the nodes by name; empty when nothing would. */
export function planDifference(expected: PlanExpectation, now: PlanReply): PlanChange[] {
  const other = otherLog(expected, now);
  if (other) return [other];
  return [
    ...placedOtherwise(expected.placed, now.placed, now.reasons, {
      field: "expect.placed",
      what: (node) => node,
    }),
    ...numberOtherwise("waiting", "expect.waiting", expected.waiting, now.waiting, helpOf(now.reasons)),
    ...displacedOtherwise(expected, now),
  ];
}

/** Others would have to go than the plan says. */
function displacedOtherwise({ displaced = [] }: PlanExpectation, { preemption }: PlanReply): PlanChange[] {
  const now = preemption?.places.flatMap(({ victims }) => victims.map(({ workload }) => workload)) ?? [];
  const text = (workloads: readonly string[]): string => workloads.toSorted().join(", ") || "nobody";
  return numberOtherwise("displaced", "expect.displaced", text(displaced), text(now));
}

/** A plan that was made further on than this log goes. */
export const otherLog = (expected: { atSeq: number }, now: { atSeq: number }): PlanChange | undefined =>
  expected.atSeq > now.atSeq
    ? {
        what: "sequence",
        field: "expect.atSeq",
        planned: expected.atSeq,
        now: now.atSeq,
        because: "this log does not reach the sequence the plan was made at: it is a plan for another zone",
      }
    : undefined;

/** The nodes that would get more or fewer, with what the new reasons say of them. */
export function placedOtherwise(
  expected: Placed,
  now: Placed,
  reasons: Told,
  name: { field: string; what: (node: string) => string },
): PlanChange[] {
  const [planned, placed] = [perNode(expected), perNode(now)];
  return [...new Set([...planned.keys(), ...placed.keys()])]
    .sort()
    .flatMap((node) =>
      numberOtherwise(
        name.what(node),
        `${name.field}.${node}`,
        planned.get(node) ?? 0,
        placed.get(node) ?? 0,
        becauseOf(node, reasons),
      ),
    );
}

/** A number that would be another one. */
export const numberOtherwise = (
  what: string,
  field: string,
  planned: number | string,
  now: number | string,
  because = "",
): PlanChange[] => (planned === now ? [] : [{ what, field, planned, now, because }]);

/** What would help those that wait. */
export const helpOf = ({ wouldHelp }: Told): string =>
  wouldHelp.map((help) => `would help: ${help}`).join("; ");

const perNode = (placed: Placed): Map<string, number> =>
  new Map(placed.map(({ node, count }) => [node, count]));

/** What the new reasons say of the node: why it takes no more, or how it stands. */
function becauseOf(node: string, reasons: Told): string {
  const rejected = reasons.rejected.find((one) => one.node === node);
  if (rejected) return rejected.detail;
  const score = reasons.scores.find((one) => one.node === node);
  return score ? `it has ${score.count} of this entrypoint and room for ${score.capacity}` : "";
}
