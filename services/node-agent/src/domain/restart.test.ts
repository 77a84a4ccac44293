import { RestartPolicy } from "@eru/events";
import { expect, test } from "vitest";
import { backOffMs, retryAfterExit, retryAfterFailure } from "./restart.ts";

const policy = (parts: Partial<RestartPolicy>) => RestartPolicy.parse(parts);

test("waits double from one second to one minute", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 100, 2_000].map(backOffMs)).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000,
  ]);
});

test("after the last allowed restart the workload stays ended", () => {
  const twice = policy({ retriesMax: 2 });
  expect([0, 1, 2, 3].map((retries) => retryAfterExit(twice, retries, 1))).toEqual([
    1_000,
    2_000,
    undefined,
    undefined,
  ]);
  expect(retryAfterExit(policy({ retriesMax: 0 }), 0, 1)).toBeUndefined();
});

test.each([
  {
    name: "always restarts a process that ended well",
    parts: { policy: "always" },
    exitCode: 0,
    waits: true,
  },
  {
    name: "on-failure leaves a process that ended well",
    parts: { policy: "on-failure" },
    exitCode: 0,
    waits: false,
  },
  {
    name: "on-failure restarts a process that failed",
    parts: { policy: "on-failure" },
    exitCode: 1,
    waits: true,
  },
  { name: "no leaves every ended process", parts: { policy: "no" }, exitCode: 1, waits: false },
] as const)("$name", ({ parts, exitCode, waits }) => {
  expect(retryAfterExit(policy(parts), 0, exitCode) !== undefined).toBe(waits);
});

test("a refusal of the engine is tried again whatever the policy, until the retries are used up", () => {
  expect(retryAfterFailure(policy({ policy: "no", retriesMax: 1 }), 0)).toBe(1_000);
  expect(retryAfterFailure(policy({ policy: "no", retriesMax: 1 }), 1)).toBeUndefined();
});
