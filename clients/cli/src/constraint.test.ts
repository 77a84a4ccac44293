import type { Constraint } from "@eru/events";
import { expect, test } from "vitest";
import { collectConstraint } from "./constraint.ts";

test.each<[string, Constraint]>([
  ["zone in a,b", { label: "zone", op: "in", values: ["a", "b"] }],
  [" zone  in  a , b ", { label: "zone", op: "in", values: ["a", "b"] }],
  ["zone not in a", { label: "zone", op: "not_in", values: ["a"] }],
  ["gpu exists", { label: "gpu", op: "exists" }],
  ["gpu not exists", { label: "gpu", op: "not_exists" }],
  ["in exists", { label: "in", op: "exists" }],
  ["cores > 8", { label: "cores", op: "gt", values: ["8"] }],
  ["cores<2.5", { label: "cores", op: "lt", values: ["2.5"] }],
  ["cores >= 8", { label: "cores", op: "version", values: [">=8"] }],
  ["example.org/kernel>=6.1.10", { label: "example.org/kernel", op: "version", values: [">=6.1.10"] }],
])("%j is a constraint", (text, constraint) => {
  expect(collectConstraint(text)).toEqual([constraint]);
});

test("constraints add up", () => {
  const first = collectConstraint("gpu exists");
  expect(collectConstraint("zone in a", first)).toHaveLength(2);
});

test.each([
  ["", "Write a condition"],
  ["zone", "Write a condition"],
  ["zone = a", "Write a condition"],
  ["cores <= 8", "Write a condition"],
  ["cores => 8", "Write a condition"],
  ["zone in", "Write a condition"],
  ["zone in a,,b", "Write values with commas"],
  ["cores > many", "values.0: a number as 8 or 2.5"],
  ["kernel >= 6.x", "values.0: a version is >= and dotted numbers"],
  ["-gpu exists", "label: not a label name"],
])("%j is refused with what to write", (text, message) => {
  expect(() => collectConstraint(text)).toThrow(message);
});
