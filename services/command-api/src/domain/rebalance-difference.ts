import type { RebalanceMove, RebalanceReply } from "@eru/events";

/** Differences that are told; more are counted. */
const toldMax = 10;

/** What would be moved otherwise now than the plan says, in words; empty when nothing would. */
export function movesDifference(
  expected: { atSeq: number; moves: readonly RebalanceMove[] },
  now: Pick<RebalanceReply, "atSeq" | "moves">,
): string[] {
  if (expected.atSeq > now.atSeq)
    return [`this log ends at sequence ${now.atSeq}: it is a plan for another zone`];
  const [planned, chosen] = [targets(expected.moves), targets(now.moves)];
  const workloads = [...new Set([...planned.keys(), ...chosen.keys()])];
  const different = workloads.filter((workload) => planned.get(workload) !== chosen.get(workload));
  const told = different.slice(0, toldMax).map((workload) => {
    const [then, nowTo] = [planned.get(workload), chosen.get(workload)];
    if (then === undefined) return `${workload} would move to ${nowTo} now`;
    return nowTo === undefined
      ? `${workload} would stay now, not move to ${then}`
      : `${workload} would move to ${nowTo} now, not to ${then}`;
  });
  const more = different.length - told.length;
  return more > 0 ? [...told, `and ${more} more`] : told;
}

const targets = (moves: readonly RebalanceMove[]): Map<string, string> =>
  new Map(moves.map(({ workload, to }) => [workload, to]));
