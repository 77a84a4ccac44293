import { expect, test } from "vitest";
import type { Snapshot } from "../progress.ts";
import { aDeployment, aWorkload } from "../testkit/views.ts";
import { picture } from "./progress.ts";
import { painter } from "./text.ts";

const screen = { columns: 80, rows: 24, paint: painter(false) };
const many = (count: number, state: string) =>
  Array.from({ length: count }, (_, at) => aWorkload({ workload: `w-${at + 1}`, state }));
const snapshot = (
  workloads: Snapshot["workloads"],
  changes: Parameters<typeof aDeployment>[0] = {},
): Snapshot => ({
  deployment: aDeployment({ deployment: "w", state: "placing", ...changes }),
  workloads,
});

test("a picture shows each workload with its node, how far it is, and how long it took", () => {
  const now = snapshot(
    [
      aWorkload({ workload: "w-1", node: "n1" }),
      aWorkload({ workload: "w-2", node: "node-2", state: "assigned" }),
      aWorkload({ workload: "w-3", node: "n3", state: "failed", lastError: "pull: no\nsuch image" }),
      aWorkload({ workload: "w-4", node: "n3", state: "removed" }),
    ],
    { reason: "1 waits: cpu on 3", counts: { wanted: 4, placed: 3, healthy: 1, failed: 1, waiting: 1 } },
  );
  expect(picture(now, 4_230, { ...screen, columns: 120 })).toEqual([
    "w  placing  4 wanted: 1 healthy, 1 starting, 1 failed, 1 waiting for room  4.2 s",
    "  w-1  n1      healthy after 2.0 s",
    "  w-2  node-2  placed",
    "  w-3  n3      failed: pull: no such image",
    "  1 waits: cpu on 3",
  ]);
});

test("a picture never has more lines than the screen, and what is not healthy is not left out", () => {
  const now = snapshot([...many(30, "healthy"), aWorkload({ workload: "w-31", state: "created" })]);
  const lines = picture(now, 0, { ...screen, rows: 10 });
  expect(lines.length).toBeLessThan(10);
  expect(lines[1]).toContain("w-31");
  expect(lines.at(-1)).toBe("  … and 25 more");
});

test("no line is wider than the screen: a line that wraps cannot be drawn over", () => {
  const now = snapshot([aWorkload({ state: "failed", lastError: "x".repeat(500) })], {
    reason: "y".repeat(500),
  });
  for (const columns of [20, 80])
    for (const line of picture(now, 0, { ...screen, columns })) expect(line.length).toBeLessThan(columns);
});

test("a reason that a workload says itself is not said twice", () => {
  const now = snapshot([aWorkload({ workload: "w-1", state: "failed", lastError: "pull: x" })], {
    reason: "w-1 failed to pull: x",
  });
  expect(picture(now, 0, screen)).toHaveLength(2);
});
