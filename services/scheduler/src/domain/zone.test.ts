import { expect, test } from "vitest";
import { World } from "../testkit/world.ts";
import { isRouted, isRoutedNow } from "./carriers.ts";

test("requests may come by a route that went; a new one waits for load balancers only while there is a route", () => {
  const world = new World().node("n1", 9).elb("edge", 1).deploy("shop-web-a", 1);
  const [deployment] = world.zone.deployments.values();
  if (!deployment) throw new Error("no deployment");
  const routed = () => [isRouted(world.zone, deployment), isRoutedNow(world.zone, deployment)];
  expect(routed()).toEqual([false, false]);
  world.route();
  expect(routed()).toEqual([true, true]);
  world.append("eru.route.shop_example", { type: "RouteRemoved", host: "shop.example" });
  expect(routed()).toEqual([true, false]);
});
