import { expect, test } from "vitest";
import { collectAffinity, collectPreference, parseSpread } from "./where.ts";

test.each([
  ["must", "db", { to: { app: "db" }, rule: "must" }],
  ["must_not", "shop/cache", { to: { app: "shop", entrypoint: "cache" }, rule: "must_not" }],
  ["prefer", "db~zone", { to: { app: "db" }, rule: "prefer", over: "zone" }],
  [
    "avoid",
    "db/main~rack=7",
    { to: { app: "db", entrypoint: "main" }, rule: "avoid", over: "rack", weight: 7 },
  ],
] as const)("%s %s is read", (rule, text, wanted) => {
  expect(collectAffinity(rule)(text)).toEqual([wanted]);
});

test.each(["", "/x", "a/b/c", "a~", "Shop", "db=0x1", "db =5000"])("the affinity %j is refused", (text) => {
  expect(() => collectAffinity("prefer")(text)).toThrow(/Write an app/);
});

test("preferences are conditions with a weight, and comparisons are no weights", () => {
  expect(collectPreference("disk exists =5")).toEqual([
    { constraint: { label: "disk", op: "exists" }, weight: 5 },
  ]);
  expect(collectPreference("kernel >= 6.10")).toEqual([
    { constraint: { label: "kernel", op: "version", values: [">=6.10"] } },
  ]);
  expect(collectPreference("zone in a,b=2", collectPreference("gpu exists"))).toHaveLength(2);
  expect(() => collectPreference("zone")).toThrow(/Write a condition/);
});

test("a spread is a label, with weights if wished", () => {
  expect(parseSpread("zone")).toEqual({ label: "zone" });
  expect(parseSpread("zone:a=2,b")).toEqual({
    label: "zone",
    targets: [
      { value: "a", weight: 2 },
      { value: "b", weight: 1 },
    ],
  });
  for (const text of ["", "zone:a=0", "zone:a=x", "zone:a=1,a=2"])
    expect(() => parseSpread(text)).toThrow(/Write a label/);
});
