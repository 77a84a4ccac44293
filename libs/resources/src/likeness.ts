import type { Load } from "./kind.ts";

/** How what is free on a node stands to what is asked for, of all kinds. */
export type Likeness = {
  /** True when something is booked on the node. */
  inUse: boolean;
  /** How much is free of what is not asked for: the sum over the kinds, each as a part of the node. */
  unasked: number;
  /**
   * How much alike in proportion what is free and what is asked for are once `more` of the workloads are there: the
   * cotangent of the angle between the two, each kind as a part of the node. Never grows with `more`; at most `alikeMost`.
   */
  alike: (more: number) => number;
};

/** More alike than one in a million apart is not told from equal proportions. */
export const alikeMost = 1e6;

/** What two proportions that are the same differ by when they are computed, squared. */
const rounding = 1e-13;

/** Of the loads of one node, of all kinds, as if `leaving` of the workloads were gone already. */
export function likenessOf(loads: readonly Load[], leaving: number): Likeness {
  const parts = loads
    .filter(({ size }) => size > 0)
    .map(({ size, booked, each }) => ({
      asked: each / size,
      free: (size - Math.max(0, booked - each * leaving)) / size,
    }));
  const inUse = loads.some(({ booked, each }) => booked - each * leaving > 0);
  const unasked = parts.reduce((sum, { asked, free }) => (asked > 0 ? sum : sum + Math.max(0, free)), 0);
  return { inUse, unasked, alike: alikeTo(parts.filter(({ asked }) => asked > 0)) };
}

function alikeTo(parts: readonly { asked: number; free: number }[]): Likeness["alike"] {
  if (parts.length === 0) return () => 0;
  const askedSquared = parts.reduce((sum, { asked }) => sum + asked * asked, 0);
  const freeSquared = parts.reduce((sum, { free }) => sum + free * free, 0);
  // What is free is so many workloads, and a rest across: only the first falls as they come, so that rounding cannot make
  // it grow.
  const workloads = parts.reduce((sum, { asked, free }) => sum + asked * free, 0) / askedSquared;
  const acrossSquared = freeSquared - workloads * workloads * askedSquared;
  const slope = Math.sqrt(
    acrossSquared > freeSquared * rounding ? askedSquared / acrossSquared : Number.MAX_VALUE,
  );
  // In single precision: proportions that are the same come out the same, however large the amounts are.
  return (more) => Math.min(alikeMost, Math.fround((workloads - more) * slope));
}
