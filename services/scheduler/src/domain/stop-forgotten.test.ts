import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";

test("what was to go, and whose stop was not recorded any more, is told to stop by the next pass", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  world.settle();
  const { decisions } = world.failed("shop-web-a-1").plan();
  const removal = decisions.map(({ event }) => event).find(({ type }) => type === "RemovalDecided");
  world.decided(removal!);
  const decided = world.passes();
  expect(only(decided, "StopDecided")).toMatchObject([{ workload: "shop-web-a-1", because: "not_routed" }]);
  world.settle();
  expect(world.staying("shop-web-a")).toEqual(["shop-web-a-2"]);
});
