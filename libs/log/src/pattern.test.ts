import { expect, test } from "vitest";
import { matches } from "./pattern.ts";

test.each([
  ["eru.pod.a", "eru.pod.a", true],
  ["eru.pod.a", "eru.pod.b", false],
  ["eru.pod.a", "eru.pod.a.b", false],
  ["eru.pod.*", "eru.pod.a", true],
  ["eru.pod.*", "eru.pod", false],
  ["eru.pod.*", "eru.pod.a.b", false],
  ["eru.*.a", "eru.pod.a", true],
  ["eru.>", "eru.pod.a", true],
  ["eru.>", "eru", false],
  ["eru.pod.>", "eru.node.a", false],
  [">", "eru", true],
])("%s and %s: %s", (pattern, subject, fits) => {
  expect(matches(pattern, subject)).toBe(fits);
});
