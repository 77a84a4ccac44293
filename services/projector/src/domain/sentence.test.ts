import { decodeMessage, rulesFrom } from "@eru/events";
import { expect, test } from "vitest";
import { chooseBySeed, makeHistory } from "../testkit/histories.ts";
import { sentence } from "./sentence.ts";

test("every event is one line a person can read", () => {
  for (const message of makeHistory(chooseBySeed(9), 2_000))
    for (const { event } of decodeMessage(message)) {
      const line = sentence(event);
      expect(line).toMatch(/^\S.{8,}\S$/);
      expect(line, event.type).not.toMatch(/undefined|null|NaN|\[object|\n/);
    }
});

test("a line names who, what and why", () => {
  expect(
    sentence({
      type: "ContainerFailed",
      ...{ node: "n1", workload: "shop-web-aaaaaa-1", generation: 1, attempt: 1 },
      ...{ step: "pull", error: "manifest unknown:\n  no such tag\n", retryInMs: 2_000 },
    }),
  ).toBe("shop-web-aaaaaa-1 failed to pull on n1, tries again in 2 s: manifest unknown: no such tag");
  const route = { host: "a.org", app: "shop", rules: rulesFrom([{ app: "shop", entrypoint: "web" }]) };
  expect(sentence({ type: "RouteDeclared", ...route, section: "v1" })).toBe(
    "route a.org of shop declared with 1 rule by the elb section of v1",
  );
  expect(sentence({ type: "RouteDeclared", ...route, restores: 7 })).toBe(
    "route a.org of shop put back to 7, declared with 1 rule",
  );
  const counted = { node: "n1", lines: [], differences: [] };
  expect(
    sentence({
      ...{ type: "UsageCorrectionRequested", pod: "p1", atSeq: 7, schedulerReplaced: true },
      nodes: [
        {
          ...counted,
          differences: [{ what: "limits", workload: "shop-web-a-1", detail: "memory", remedy: "ordered" }],
        },
      ],
    }),
  ).toBe(
    "ALARM: what the scheduler had booked in pod p1 was not what the log says; it goes by the log now; usage of pod p1 shall be put right on n1: 1 with other bounds than ordered",
  );
  expect(sentence({ type: "NodeLost", pod: "p1", node: "n1", silentMs: 5_250, workloads: 1 })).toBe(
    "n1 has been silent for 5.3 s and is lost with 1 workload",
  );
});
