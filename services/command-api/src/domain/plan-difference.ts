import type { PlanExpectation, PlanReply } from "@eru/events";

/** One thing that a plan said otherwise: what a node gets, how many wait, or which log it is about. */
export type PlanChange = { what: string; field: string; planned: number; now: number; because: string };

/** What would be decided otherwise now than the plan says, the nodes by name; empty when nothing would. */
export function planDifference(expected: PlanExpectation, now: PlanReply): PlanChange[] {
  if (expected.atSeq > now.atSeq)
    return [
      {
        what: "sequence",
        field: "expect.atSeq",
        planned: expected.atSeq,
        now: now.atSeq,
        because: "this log does not reach the sequence the plan was made at: it is a plan for another zone",
      },
    ];
  const [planned, placed] = [perNode(expected.placed), perNode(now.placed)];
  const nodes = [...new Set([...planned.keys(), ...placed.keys()])].sort();
  const changes: PlanChange[] = nodes.flatMap((node) => {
    const change = { planned: planned.get(node) ?? 0, now: placed.get(node) ?? 0 };
    return change.planned === change.now
      ? []
      : [{ what: node, field: `expect.placed.${node}`, ...change, because: becauseOf(node, now) }];
  });
  if (expected.waiting !== now.waiting)
    changes.push({
      what: "waiting",
      field: "expect.waiting",
      planned: expected.waiting,
      now: now.waiting,
      because: now.reasons.wouldHelp.map((help) => `would help: ${help}`).join("; "),
    });
  return changes;
}

const perNode = (placed: PlanExpectation["placed"]): Map<string, number> =>
  new Map(placed.map(({ node, count }) => [node, count]));

/** What the new reasons say of the node: why it takes no more, or how it stands. */
function becauseOf(node: string, { reasons }: PlanReply): string {
  const rejected = reasons.rejected.find((one) => one.node === node);
  if (rejected) return rejected.detail;
  const score = reasons.scores.find((one) => one.node === node);
  return score ? `it has ${score.count} of this entrypoint and room for ${score.capacity}` : "";
}
