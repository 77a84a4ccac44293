import { describe, expect, test } from "vitest";
import { judge, news, type Snapshot, summary } from "./progress.ts";
import { aDeployment, aWorkload } from "./testkit/views.ts";

const snapshot = (
  deployment: Parameters<typeof aDeployment>[0],
  workloads: Snapshot["workloads"] = [],
): Snapshot => ({ deployment: aDeployment(deployment), workloads });

describe("waiting for a deployment to run", () => {
  test("is over when as many as wanted are healthy and none is left over", () => {
    expect(judge(snapshot({ counts: { wanted: 3, placed: 3, healthy: 3 } }), "running").is).toBe("reached");
  });

  test("goes on while some are too many or still leaving", () => {
    const surplus = snapshot({ counts: { wanted: 1, placed: 3, healthy: 3 } });
    const leaving = snapshot({ counts: { wanted: 1, placed: 1, healthy: 1, leaving: 2 } });
    expect([judge(surplus, "running").is, judge(leaving, "running").is]).toEqual(["going", "going"]);
  });

  test.each(["placing", "waiting", "degraded", "upgrading"])("goes on while it is %s", (state) => {
    expect(judge(snapshot({ state }), "running").is).toBe("going");
  });

  test.each([
    ["refused", "2 of 3 workloads were refused: cpu: 2 wanted"],
    ["halted", "it is halted: cpu: 2 wanted"],
    ["removing", "it is being removed"],
    ["removed", "it is being removed"],
  ])("fails when it is %s", (state, why) => {
    const now = snapshot({ state, reason: "cpu: 2 wanted", counts: { wanted: 3, refused: 2 } });
    expect(judge(now, "running")).toEqual({ is: "failed", why });
  });
});

test("waiting for a removal is over when nothing is left, not before", () => {
  expect(judge(snapshot({ state: "removing" }), "removed").is).toBe("going");
  expect(judge(snapshot({ state: "removed" }), "removed").is).toBe("reached");
});

test("the summary counts each workload once and leaves out zeros", () => {
  const now = snapshot({ counts: { wanted: 9, waiting: 2, placed: 6, healthy: 3, failed: 1, leaving: 4 } });
  expect(summary(now)).toBe("9 wanted: 3 healthy, 2 starting, 1 failed, 2 waiting for room, 4 leaving");
  expect(summary(snapshot({ counts: { wanted: 2 } }))).toBe("2 wanted: none there");
});

test("a reason and an error are news once, and again when they change", () => {
  const failing = (lastError: string | null, reason: string | null) =>
    snapshot({ reason }, [aWorkload({ workload: "w-1", node: "n1", lastError })]);
  expect(news(undefined, failing("pull: no such image", "no room"))).toEqual([
    "no room",
    "w-1 on n1: pull: no such image",
  ]);
  expect(news(failing("pull: x", "no room"), failing("pull: x", "no room"))).toEqual([]);
  expect(news(failing("pull: x", "no room"), failing("start: y", null))).toEqual(["w-1 on n1: start: y"]);
});

test("a reason that repeats a workload's error is not said twice", () => {
  const now = snapshot({ reason: "w-1 failed to pull: x" }, [
    aWorkload({ workload: "w-1", lastError: "pull: x" }),
  ]);
  expect(news(undefined, now)).toEqual(["w-1 on n1: pull: x"]);
});
