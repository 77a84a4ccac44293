import { Rule } from "@eru/events";
import { expect, test } from "vitest";
import { inPrecedence } from "./precedence.ts";

const rule = (id: string, when?: unknown[], more: object = {}): Rule =>
  Rule.parse({ id, ...(when && { when }), action: { respond: { status: 200 } }, ...more });
const order = (...rules: Rule[]) => inPrecedence(rules).map(({ id }) => id);
const exact = { path: { exact: "/a" } };
const regex = { path: { regex: "^/a" } };
const beta = { headers: { "x-beta": { exact: "1" } } };

test("the kind of path decides: exact, the longer prefix, regex, none", () => {
  expect(
    order(
      rule("none"),
      rule("regex", [regex]),
      rule("short", [{ path: { prefix: "/" } }]),
      rule("long", [{ path: { prefix: "/a", raw: true } }]),
      rule("exact", [exact]),
    ),
  ).toEqual(["exact", "long", "short", "regex", "none"]);
});

test("a higher priority comes first, whatever the path", () => {
  expect(order(rule("exact", [exact]), rule("sorry", undefined, { priority: 1 }))).toEqual([
    "sorry",
    "exact",
  ]);
  expect(order(rule("late", [exact], { priority: -1 }), rule("none"))).toEqual(["none", "late"]);
});

test("more conditions come first; names count one each, and so does everything under not", () => {
  const two = { ...exact, headers: { a: { exact: "1" }, b: { exact: "1" } } };
  expect(
    order(
      rule("one", [exact]),
      rule("two", [{ ...exact, ...beta }]),
      rule("three", [two]),
      rule("four", [{ ...two, not: [{ scheme: "http" }] }]),
    ),
  ).toEqual(["four", "three", "two", "one"]);
});

test("of several alternatives the weakest counts", () => {
  expect(order(rule("either", [exact, beta]), rule("prefix", [{ path: { prefix: "/" } }]))).toEqual([
    "prefix",
    "either",
  ]);
  expect(order(rule("either", [{ ...exact, ...beta }, exact]), rule("z", [{ ...exact, ...beta }]))).toEqual([
    "z",
    "either",
  ]);
});

test("what is left is decided by the id, and what is not enabled is left out", () => {
  expect(order(rule("b"), rule("a"), rule("off", [exact], { enabled: false }))).toEqual(["a", "b"]);
});
