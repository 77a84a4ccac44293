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

test("a change that was ordered while its node was removed is taken back by a newer order", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  world.settle();
  const of = { deployment: "shop-web-a", workload: "shop-web-a-1" };
  world.request({ type: "WorkloadChangeRequested", ...of, change: "restart" });
  const pass = world.plan();
  world.nodeEvent({ type: "NodeRemoved", node: "n1" }).record(pass);
  world.passes();
  const orders = world.orders("n1").map((order) => ("generation" in order ? order.generation : 0));
  expect(orders).toEqual([1, 2, 3]);
});
