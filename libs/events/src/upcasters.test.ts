import { expect, test } from "vitest";
import { upcast } from "./upcasters.ts";

const chain = {
  NodeAdded: [
    (payload: Record<string, unknown>) => ({ ...payload, labels: {} }),
    ({ zone, ...payload }: Record<string, unknown>) => ({ ...payload, labels: { zone } }),
  ],
};

test("today's version passes unchanged", () => {
  expect(upcast("PodAdded", 1, 1, { pod: "demo" }, {})).toEqual({ type: "PodAdded", pod: "demo" });
});

test("an old version walks every step to today's", () => {
  expect(upcast("NodeAdded", 1, 3, { node: "n1", zone: "a" }, chain)).toEqual({
    type: "NodeAdded",
    node: "n1",
    labels: { zone: "a" },
  });
});

test("a step that is missing and a version from the future are errors that say what to do", () => {
  expect(() => upcast("NodeAdded", 3, 4, {}, chain)).toThrow("no upcaster from version 3");
  expect(() => upcast("NodeAdded", 4, 3, {}, chain)).toThrow("deploy it first");
});
