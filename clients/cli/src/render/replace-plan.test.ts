import type { ReplacePlanReply } from "@eru/events";
import { expect, test } from "vitest";
import { replacePlanText } from "./replace-plan.ts";

const plan: ReplacePlanReply = {
  ...{ atSeq: 9, workload: "hello-web-abc123-1", node: "n1", release: "v1", how: "beside", risk: "" },
  inherits: { copy: [], volumes: [], network: false },
};

test("beside the old one, with nothing taken over, is two lines", () => {
  expect(replacePlanText(plan)).toBe(
    "hello-web-abc123-1 would get a new container of release v1 beside the old one on n1: it gets an id of its own, and the old one goes when it serves (log up to 9)\n  downtime: none known\n",
  );
});

test("in place it names why, what is waited for, what it costs and what goes over", () => {
  const copy = [{ from: "/a", to: "/b" }];
  const inherits = { copy, volumes: ["/data"], network: true };
  const more = { inPlace: "two would write", waits: "its stop is under way", risk: "requests fail" };
  const text = replacePlanText({ ...plan, ...more, how: "in_place", inherits });
  expect(text).toContain("in place on n1: the old container is stopped first, because two would write");
  expect(text).toContain("waits: its stop is under way\n  downtime: requests fail\n  1 volume kept: /data\n");
  expect(text).toMatch(/copied: \/a to \/b; .*\n {2}network: kept; where its node's network cannot/);
});

test("what is refused says why, and nothing else", () => {
  expect(replacePlanText({ ...plan, how: "refused", refused: "it is being removed" })).toBe(
    "hello-web-abc123-1 would not be replaced: it is being removed (log up to 9)\n",
  );
});
