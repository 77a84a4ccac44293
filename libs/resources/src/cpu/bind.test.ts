import fc from "fast-check";
import { expect, test } from "vitest";
import { type CorePlan, countWholePlans, type FreeCore, planCores } from "./bind.ts";

const cores = (...pieces: number[]): FreeCore[] =>
  pieces.map((each, index) => ({ core: String(index), pieces: each }));
const ask = (request: number, maxShare = -1, held?: string[]) => ({
  pieces: Math.round(request * 100),
  shareBase: 100,
  maxShare,
  ...(held && { held }),
});
const repeated = (times: number, plan: CorePlan) => Array.from({ length: times }, () => plan);

test.each<[string, FreeCore[], number, number, CorePlan[]]>([
  [
    "4 x 100",
    cores(100, 100, 100, 100),
    1.7,
    -1,
    [
      { 2: 100, 0: 70 },
      { 3: 100, 1: 70 },
    ],
  ],
  [
    "4 x 100",
    cores(100, 100, 100, 100),
    2,
    -1,
    [
      { 0: 100, 1: 100 },
      { 2: 100, 3: 100 },
    ],
  ],
  ["100, 50", cores(100, 50), 0.5, -1, [{ 1: 50 }, { 0: 50 }, { 0: 50 }]],
  [
    "4 x 100",
    cores(100, 100, 100, 100),
    0.3,
    -1,
    ["0", "1", "2", "3"].flatMap((core) => repeated(3, { [core]: 30 })),
  ],
  ["4 x 100, one may be cut", cores(100, 100, 100, 100), 0.3, 1, repeated(3, { 0: 30 })],
  [
    "100, 40, 100, 100",
    cores(100, 40, 100, 100),
    1.3,
    -1,
    [
      { 2: 100, 1: 30 },
      { 3: 100, 0: 30 },
    ],
  ],
  [
    "6 x 100",
    cores(100, 100, 100, 100, 100, 100),
    1.5,
    -1,
    [
      { 2: 100, 0: 50 },
      { 3: 100, 0: 50 },
      { 4: 100, 1: 50 },
      { 5: 100, 1: 50 },
    ],
  ],
])("of %s free, %o: %d cores with at most %d cut are %o", (_, free, request, maxShare, plans) => {
  expect(planCores(free, ask(request, maxShare))).toEqual(plans);
});

test("oversold cores serve a workload each for every hundred pieces", () => {
  const plans = planCores(cores(200, 200), ask(1));
  expect(plans.map((plan) => Object.keys(plan)[0]).sort()).toEqual(["0", "0", "1", "1"]);
});

test("a whole core is cut only when more fit that way", () => {
  expect(planCores(cores(60, 100, 100), ask(1.5))).toEqual([{ 1: 100, 0: 50 }]);
});

test("fewer cores that may be cut than are cut already cuts none more", () => {
  expect(planCores(cores(50, 50, 100), ask(0.5, 1))).toEqual([{ 0: 50 }, { 1: 50 }]);
});

test.each([
  [0.29, 29],
  [0.57, 57],
  [0.58, 58],
  [1.13, 113],
  [1.15, 115],
])("%d cores are %d pieces, not one less", (request, pieces) => {
  const [plan] = planCores(cores(100, 100), ask(request));
  expect(Object.values(plan ?? {}).reduce((sum, each) => sum + each, 0)).toBe(pieces);
});

test("cores held before come first, in the order they were held", () => {
  expect(planCores(cores(100, 100, 100, 100), ask(2, -1, ["3", "1"]))[0]).toEqual({ 3: 100, 1: 100 });
  expect(planCores(cores(100, 100, 60, 60), ask(1.5, -1, ["1", "3"]))[0]).toEqual({ 1: 100, 3: 50 });
});

const free = fc.array(fc.constantFrom(0, 20, 30, 50, 100, 130, 200), { minLength: 1, maxLength: 6 });
const request = fc.constantFrom(0.2, 0.3, 0.5, 0.7, 1, 1.3, 1.5, 1.7, 2, 2.5);

test("plans together never take more of a core than is free, and each is exactly what was asked", () => {
  fc.assert(
    fc.property(free, request, fc.integer({ min: -1, max: 4 }), (pieces, wish, maxShare) => {
      const asked = Math.round(wish * 100);
      const left = new Map(cores(...pieces).map((one) => [one.core, one.pieces]));
      for (const plan of planCores(cores(...pieces), ask(wish, maxShare))) {
        expect(Object.values(plan).reduce((sum, each) => sum + each, 0)).toBe(asked);
        const parts = Object.values(plan).filter((each) => each % 100 !== 0);
        expect(parts.length).toBe(asked % 100 === 0 ? 0 : 1);
        for (const [core, each] of Object.entries(plan)) left.set(core, (left.get(core) ?? 0) - each);
      }
      for (const each of left.values()) expect(each).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 500 },
  );
});

test("of whole cores as many plans are found as any one-by-one search finds", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      (shares, wholes) => {
        const some = cores(...shares.map((share) => share * 100));
        const many = searched(shares, wholes);
        expect(countWholePlans(some, wholes, 100)).toBe(many);
        expect(planCores(some, ask(wholes))).toHaveLength(many);
      },
    ),
    { numRuns: 300 },
  );
});

/** Tries every choice of different cores for one workload after the other. */
function searched(shares: readonly number[], wholes: number): number {
  const choices = (from: number, left: number): number[][] =>
    left === 0
      ? [[]]
      : shares.flatMap((_, index) =>
          index < from ? [] : choices(index + 1, left - 1).map((rest) => [index, ...rest]),
        );
  const sets = choices(0, wholes);
  const memo = new Map<string, number>();
  const best = (now: readonly number[]): number => {
    const key = now.toSorted((a, b) => a - b).join();
    const known = memo.get(key);
    if (known !== undefined) return known;
    let most = 0;
    for (const set of sets) {
      if (set.some((index) => (now[index] ?? 0) === 0)) continue;
      most = Math.max(most, 1 + best(now.map((share, index) => share - (set.includes(index) ? 1 : 0))));
    }
    memo.set(key, most);
    return most;
  };
  return best(shares);
}
