import fc from "fast-check";
import { expect, test } from "vitest";
import { type Constraint, contradiction, meets, wantedBy } from "./constraint.ts";
import { NodeFilter } from "./deployment.ts";

const of = (label: string, op: Constraint["op"], ...values: string[]): Constraint =>
  (op === "exists" || op === "not_exists" ? { label, op } : { label, op, values }) as Constraint;

test.each<[Constraint["op"], string[], string | undefined, boolean]>([
  ["in", ["a", "b"], "b", true],
  ["in", ["a", "b"], "c", false],
  ["in", ["a"], undefined, false],
  ["not_in", ["a"], "a", false],
  ["not_in", ["a"], "b", true],
  ["not_in", ["a"], undefined, true],
  ["exists", [], "", true],
  ["exists", [], undefined, false],
  ["not_exists", [], undefined, true],
  ["not_exists", [], "", false],
  ["gt", ["8"], "9", true],
  ["gt", ["8"], "8", false],
  ["gt", ["8"], "10", true],
  ["gt", ["-1"], "0", true],
  ["gt", ["8"], "many", false],
  ["gt", ["-1"], "", false],
  ["gt", ["8"], undefined, false],
  ["lt", ["2.5"], "2.4", true],
  ["lt", ["2.5"], "2.5", false],
  ["lt", ["8"], "0x1", false],
  ["lt", ["3.001"], "3.0005", true],
  ["version", [">=1.2.3"], "1.2.3", true],
  ["version", [">=1.2.3"], "1.2", false],
  ["version", [">=1.2.0"], "1.2", true],
  ["version", [">=1.9"], "1.10", true],
  ["version", [">=1.10"], "1.9", false],
  ["version", [">=2"], "10", true],
  ["version", [">=1.2.3"], "1.2.3-rc1", false],
  ["version", [">=1.2.3"], undefined, false],
])("%s %j and the value %j: %s", (op, values, value, met) => {
  expect(meets(of("x", op, ...values), value)).toBe(met);
});

test.each<[string, Constraint[], number]>([
  ["wanted and forbidden", [of("a", "exists"), of("a", "not_exists")], 1],
  ["forbidden and compared", [of("a", "not_exists"), of("a", "gt", "1")], 1],
  ["two lists without a common value", [of("a", "in", "x", "y"), of("a", "in", "z")], 1],
  ["all allowed values forbidden", [of("a", "in", "x"), of("b", "exists"), of("a", "not_in", "x")], 2],
  ["a list without a number in the range", [of("a", "in", "1", "x"), of("a", "gt", "1")], 1],
  ["an empty range", [of("a", "gt", "3"), of("a", "lt", "3")], 1],
  ["a version above a number", [of("a", "version", ">=3.1"), of("a", "lt", "3")], 1],
  ["a label that is wanted otherwise", [of("zone", "not_in", "east")], 0],
  ["a label that is wanted and forbidden", [of("zone", "not_exists")], 0],
])("%s is a contradiction", (_name, constraints, at) => {
  const found = contradiction({ labels: { zone: "east" }, constraints });
  expect(found?.at).toBe(at);
  expect(found?.message).toContain(`label ${constraints[at]?.label}`);
});

test.each<[string, Constraint[]]>([
  ["different labels", [of("a", "exists"), of("b", "not_exists")]],
  ["absent or not these", [of("a", "not_exists"), of("a", "not_in", "x")]],
  ["overlapping lists", [of("a", "in", "x", "y"), of("a", "in", "y", "z")]],
  ["a range with numbers in it", [of("a", "gt", "3"), of("a", "lt", "3.001"), of("a", "not_in", "3")]],
  ["a version below a number", [of("a", "version", ">=2.9"), of("a", "lt", "3")]],
  ["a label that agrees", [of("zone", "in", "east", "west")]],
  ["a label named like a property of every object", [of("constructor", "not_exists")]],
])("%s is none", (_name, constraints) => {
  expect(contradiction({ labels: { zone: "east" }, constraints })).toBeUndefined();
});

// Values that collide, and labels on all sides of them.
const constraints = fc.array(
  fc.oneof(
    fc
      .tuple(
        fc.constantFrom("in" as const, "not_in" as const),
        fc.subarray(["1", "2", "x"], { minLength: 1 }),
      )
      .map(([op, values]) => of("a", op, ...values)),
    fc.constantFrom("exists" as const, "not_exists" as const).map((op) => of("a", op)),
    fc
      .tuple(fc.constantFrom("gt" as const, "lt" as const), fc.constantFrom("0", "1", "2"))
      .map(([op, value]) => of("a", op, value)),
    fc.constantFrom(">=1", ">=2").map((value) => of("a", "version", value)),
  ),
  { minLength: 1, maxLength: 4 },
);
const labels = [undefined, "", "x", "y", "-1", "0", "0.5", "1", "1.5", "1.5.1", "2", "2.5", "3"];

test("there is a contradiction exactly when no label meets all", () => {
  fc.assert(
    fc.property(constraints, (all) => {
      const met = labels.some((value) => all.every((one) => meets(one, value)));
      expect(contradiction({ labels: {}, constraints: all }) === undefined).toBe(met);
    }),
    { numRuns: 2_000 },
  );
});

test("a filter from before there were constraints reads as it was written", () => {
  const old = { includes: ["n1"], excludes: [], labels: { zone: "a" } };
  expect(NodeFilter.parse(old)).toEqual(old);
});

test("a filter has at most 32 constraints, each with at most 64 values", () => {
  const many = (length: number) => Array.from({ length }, () => of("a", "exists"));
  const listing = (length: number) => [of("a", "in", ...Array.from({ length }, (_, n) => `v${n}`))];
  const reads = (constraints: Constraint[]) => NodeFilter.safeParse({ constraints }).success;
  expect([reads(many(32)), reads(many(33))]).toEqual([true, false]);
  expect([reads(listing(64)), reads(listing(65))]).toEqual([true, false]);
});

test("what is wanted is said in words", () => {
  expect(
    [
      of("a", "in", "x", "y"),
      of("a", "not_in", "x"),
      of("a", "exists"),
      of("a", "not_exists"),
      of("a", "gt", "1"),
      of("a", "lt", "2"),
      of("a", "version", ">=1.2"),
    ].map(wantedBy),
  ).toEqual([
    'one of "x", "y"',
    'none of "x"',
    "any value",
    "no such label",
    "a number above 1",
    "a number below 2",
    "version >=1.2",
  ]);
});
