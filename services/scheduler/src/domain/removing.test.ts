import { rulesFrom } from "@eru/events";
import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";

const routed = () => new World().node("n1", 9).node("n2", 9).route().elb("edge", 1);

test("scaling down takes from the most crowded node, the newest first", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 2);
  world.settle();
  world.node("n2", 9).scale("shop-web-a", 5).settle();
  expect(world.layout).toEqual({ n1: 2, n2: 3 });
  const decided = only(world.scale("shop-web-a", 3).settle(), "RemovalDecided");
  expect(decided.map(({ workload, because }) => [workload, because])).toEqual([
    ["shop-web-a-5", "scaled"],
    ["shop-web-a-4", "scaled"],
  ]);
});

test("scaling down takes failed ones first, then those that are not healthy", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 4);
  world.passes();
  world.healthy("shop-web-a-3", "shop-web-a-4").failed("shop-web-a-2");
  const decided = only(world.scale("shop-web-a", 2).pass(), "RemovalDecided");
  expect(decided.map(({ workload }) => workload)).toEqual(["shop-web-a-2", "shop-web-a-1"]);
});

test("scaling down spares the workload whose node is heard", () => {
  const world = new World().node("n1", 9).node("n2", 8).deploy("shop-web-a", 2);
  world.settle();
  world.now({ liveness: [{ node: "n1", to: "suspect", silentMs: 3_000 }] }).scale("shop-web-a", 1);
  // Also when the node comes back in the same moment: nobody knows yet what still runs there.
  const decided = world.pass({ liveness: [{ node: "n1", to: "alive" }] });
  expect(only(decided, "RemovalDecided")).toMatchObject([{ workload: "shop-web-a-1", node: "n1" }]);
});

test("a workload no route leads to is stopped at once, with its grace", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  world.settle();
  const decided = world.scale("shop-web-a", 0).pass();
  expect(decided).toMatchObject([
    { type: "RemovalDecided", drain: false, because: "scaled" },
    { type: "StopDecided", because: "not_routed" },
  ]);
  expect(world.orders("n1").at(-1)).toEqual({
    type: "WorkloadStopAssigned",
    node: "n1",
    workload: "shop-web-a-1",
    generation: 2,
    graceSeconds: 10,
  });
});

test("a routed workload is stopped only when every live load balancer has drained it", () => {
  const world = routed().elb("edge2", 1).deploy("shop-web-a", 1);
  world.settle();
  const elbs = new Map([
    ["edge", 99],
    ["edge2", 99],
  ]);
  expect(world.scale("shop-web-a", 0).passes({ elbs })).toMatchObject([
    { type: "RemovalDecided", drain: true, drainDeadlineMs: 30_000 },
  ]);
  const drained = (elb: string) =>
    world.append(`eru.elb.${elb}`, {
      type: "EndpointDrained",
      elb,
      workload: "shop-web-a-1",
      inFlight: 0,
    });
  drained("edge");
  expect(world.due({ elbs })).toEqual([]);
  drained("edge2");
  expect(world.due({ elbs })).toEqual([["shop-web-a-1", "drained"]]);
  const stops = new Map(world.due({ elbs }));
  expect(world.passes({ elbs, stops })).toMatchObject([{ type: "StopDecided", because: "drained" }]);
});

test("a load balancer that is gone is not waited for; when all are silent only the deadline counts", () => {
  const world = routed().elb("edge2", 1).deploy("shop-web-a", 1);
  world.settle();
  world.scale("shop-web-a", 0).passes({ elbs: new Map([["edge", 9]]) });
  expect(world.due({ elbs: new Map() })).toEqual([]);
  expect(world.due({ elbs: new Map(), expired: new Set(["shop-web-a-1"]) })).toEqual([
    ["shop-web-a-1", "drain_deadline"],
  ]);
  world.append("eru.elb.edge", {
    type: "EndpointDrained",
    elb: "edge",
    workload: "shop-web-a-1",
    inFlight: 0,
  });
  expect(world.due({ elbs: new Map([["edge", 9]]) })).toEqual([["shop-web-a-1", "drained"]]);
});

test("a load balancer cannot report for another", () => {
  const world = routed().deploy("shop-web-a", 1);
  world.settle();
  world.scale("shop-web-a", 0).passes();
  world.append("eru.elb.liar", {
    type: "EndpointDrained",
    elb: "edge",
    workload: "shop-web-a-1",
    inFlight: 0,
  });
  expect(world.due({ elbs: new Map([["edge", 9]]) })).toEqual([]);
});

test("a drain ends when the process does or the node is lost; the end of the route does not end it", () => {
  const drainingWorld = () => {
    const world = routed().deploy("shop-web-a", 1);
    world.settle();
    world.scale("shop-web-a", 0).passes();
    return world;
  };
  const elbs = new Map([["edge", 9]]);
  expect(drainingWorld().due({ elbs })).toEqual([]);
  expect(drainingWorld().failed("shop-web-a-1").due({ elbs })).toEqual([["shop-web-a-1", "not_routed"]]);
  const unrouted = drainingWorld();
  unrouted.append("eru.route.shop_example", { type: "RouteRemoved", host: "shop.example" });
  expect(unrouted.due({ elbs })).toEqual([]);
  const lost = drainingWorld();
  lost.passes({ liveness: [{ node: "n1", to: "lost", silentMs: 6_000 }] });
  expect(lost.due({ elbs })).toEqual([["shop-web-a-1", "node_lost"]]);
});

test("a workload whose route went a moment ago drains: load balancers may not have heard of it yet", () => {
  const world = routed().deploy("shop-web-a", 1);
  world.settle();
  world.append("eru.route.shop_example", { type: "RouteRemoved", host: "shop.example" });
  expect(world.scale("shop-web-a", 0).passes()).toMatchObject([{ type: "RemovalDecided", drain: true }]);
});

test("a routed workload drains also while it starts: it may be healthy before the decision is recorded", () => {
  const world = routed().deploy("shop-web-a", 1);
  world.passes();
  expect(world.scale("shop-web-a", 0).passes()).toMatchObject([{ type: "RemovalDecided", drain: true }]);
});

test("a routed workload that was given up is stopped at once", () => {
  const world = routed().deploy("shop-web-a", 1);
  world.now().failed("shop-web-a-1");
  expect(world.scale("shop-web-a", 0).passes()).toMatchObject([
    { type: "RemovalDecided", drain: false },
    { type: "StopDecided", because: "not_routed" },
  ]);
});

test("a route of another app, entrypoint or pod does not make it drain", () => {
  const world = new World().node("n1", 9).elb("edge", 1);
  world.append("eru.route.a_example", {
    type: "RouteDeclared",
    host: "a.example",
    rules: rulesFrom([
      { pathPrefix: "/", app: "blog", entrypoint: "web" },
      { pathPrefix: "/x", app: "shop", entrypoint: "worker" },
      { pathPrefix: "/y", app: "shop", entrypoint: "web", pod: "q" },
    ]),
  });
  world.deploy("shop-web-a", 1).settle();
  expect(only(world.scale("shop-web-a", 0).passes(), "RemovalDecided")).toMatchObject([{ drain: false }]);
});

test("a removed deployment ends when its last container is gone, and is forgotten", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 2);
  world.settle();
  world.request({ type: "RemovalRequested", deployment: "shop-web-a" });
  const decided = world.passes();
  expect(decided.filter(({ type }) => type === "DeploymentEnded")).toEqual([]);
  expect(only(decided, "RemovalDecided").map(({ because }) => because)).toEqual(["removed", "removed"]);
  world.gone("shop-web-a-1").passes();
  expect(world.zone.deployments.size).toBe(1);
  expect(world.gone("shop-web-a-2").passes()).toMatchObject([{ type: "DeploymentEnded" }]);
  expect(world.zone.deployments.size).toBe(0);
  expect(world.zone.workloads.size).toBe(0);
  expect(world.zone.spread.size).toBe(0);
});

test("removing more than one pass can hold goes on in the next", () => {
  const world = new World({ actionsMax: 3 }).node("n1", 9).deploy("shop-web-a", 7);
  world.settle();
  world.request({ type: "RemovalRequested", deployment: "shop-web-a" });
  expect(only(world.pass(), "RemovalDecided")).toHaveLength(3);
  expect(only(world.passes(), "RemovalDecided")).toHaveLength(4);
});

test("requests to a removed deployment change nothing", () => {
  const world = new World().node("n1", 9).deploy("shop-web-a", 1);
  world.settle();
  world.request({ type: "RemovalRequested", deployment: "shop-web-a" });
  world.scale("shop-web-a", 3).upgrade("shop-web-a", "v2").settle();
  expect(world.layout).toEqual({});
});
