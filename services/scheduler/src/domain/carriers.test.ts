import { type RouteEvent, rulesFrom, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { World } from "../testkit/world.ts";

const host = "shop.example";
const id = "shop-web-a-1";

/** A route for groups, and a load balancer that says which group's routes it has; without a group it does not say. */
class Groups extends World {
  declare(...groups: string[]): this {
    const rules = rulesFrom([{ app: "shop", entrypoint: "web" }]);
    const event: RouteEvent = { type: "RouteDeclared", host, rules, ...(groups.length > 0 && { groups }) };
    this.append(subjects.route(host), event);
    return this;
  }

  has(elb: string, group?: string, bootId = "b"): this {
    const applied = { appliedSeq: this.seq, changedPools: 0, changedHosts: 0, ...(group && { group }) };
    this.append(subjects.elb(elb), { type: "RouteTableApplied", elb, bootId, ...applied });
    return this;
  }

  drained(elb: string, inFlight = 0): this {
    this.append(subjects.elb(elb), { type: "EndpointDrained", elb, workload: id, inFlight });
    return this;
  }

  /** One workload that serves, as everybody knows. */
  serving(): this {
    this.node("n1", 9);
    this.deploy("shop-web-a", 1).settle({ elbs: this.all });
    return this;
  }

  /** One workload that is told to go. */
  going(): this {
    this.serving();
    this.scale("shop-web-a", 0).passes({ elbs: this.all });
    return this;
  }

  get all(): Map<string, number> {
    return new Map([...this.zone.elbs.keys()].map((elb) => [elb, this.seq]));
  }

  get stops() {
    return this.due({ elbs: this.all });
  }
}

test("a load balancer of another group is not waited for", () => {
  const world = new Groups().has("in", "inner").has("out", "public").declare("public").going();
  expect(world.stops).toEqual([]);
  expect(world.drained("in").stops).toEqual([]);
  expect(world.drained("out").stops).toEqual([[id, "drained"]]);
});

test("one that does not say its group, or serves a route of all groups, is waited for", () => {
  const silent = new Groups().has("old").has("out", "public").declare("public").going().drained("out");
  expect(silent.stops).toEqual([]);
  expect(silent.drained("old").stops).toEqual([[id, "drained"]]);
  const all = new Groups().has("in", "inner").has("out", "public").declare().going().drained("out");
  expect(all.stops).toEqual([]);
});

test("while a route changes its groups, the old and the new are waited for", () => {
  const world = new Groups().has("in", "inner").has("out", "public").declare("public").going();
  world.declare("inner");
  expect(world.drained("in").stops).toEqual([]);
  expect(world.drained("out").stops).toEqual([[id, "drained"]]);
});

test("whoever had the route before the workload was placed never had its endpoint", () => {
  const world = new Groups()
    .has("in", "inner")
    .has("out", "public")
    .declare("inner")
    .declare("public")
    .going();
  expect(world.drained("out").stops).toEqual([[id, "drained"]]);
});

test("one that changes its group without a new engine is waited for with both", () => {
  const world = new Groups().has("e", "public").has("in", "inner").declare("public").going();
  expect(world.has("e", "inner").drained("in").stops).toEqual([]);
  // Another engine has nothing of what the one before had.
  expect(world.has("e", "inner", "b2").stops).toEqual([[id, "not_routed"]]);
});

test("a route for a group that nobody serves has no requests to wait for", () => {
  const world = new Groups().has("in", "inner").declare("public").serving();
  expect(world.scale("shop-web-a", 0).passes({ elbs: world.all })).toMatchObject([
    { type: "RemovalDecided", drain: false },
    { type: "StopDecided", because: "not_routed" },
  ]);
});

test("an upgrade goes on when those that carry the route know the new one, however far the others are", () => {
  const world = new Groups().has("in", "inner").has("out", "public").declare("public").serving();
  world.upgrade("shop-web-a", "v2").passes({ elbs: world.all });
  world.agentsCatchUp();
  const far = new Map([...world.all, ["in", 1]]) as Map<string, number>;
  const late = new Map([...world.all, ["out", 1]]) as Map<string, number>;
  const removals = (elbs: Map<string, number>) =>
    world.plan({ elbs }).decisions.filter(({ event }) => event.type === "RemovalDecided").length;
  expect(removals(late)).toBe(0);
  expect(removals(far)).toBe(1);
});

test("one that is forgotten carries nothing", () => {
  const world = new Groups().has("out", "public").declare("public").going();
  world.append(subjects.balancer("out"), { type: "ElbForgotten", elb: "out" });
  expect(world.stops).toEqual([[id, "not_routed"]]);
});

test("while a change is staged, those that have it first are waited for, and those that have what is declared", () => {
  const world = new Groups().has("in", "inner").has("out", "public").declare("public");
  const content = { rules: rulesFrom([{ app: "shop", entrypoint: "web" }]), groups: ["inner"] };
  world.append(subjects.route(host), { type: "RouteStaged", host, stage: "s", elbs: ["in"], content });
  world.going();
  expect(world.drained("out").stops).toEqual([]);
  // What was staged when the workload was placed was in a table until now.
  world.append(subjects.route(host), {
    ...{ type: "RouteStageEnded", host, stage: "s", because: "aborted", detail: "" },
  });
  expect(world.stops).toEqual([]);
  expect(world.drained("in").stops).toEqual([[id, "drained"]]);
});

test("a target that only a staged change names is routed until that ends", () => {
  const world = new Groups().has("out", "public");
  const content = { rules: rulesFrom([{ app: "shop", entrypoint: "web" }]) };
  world.append(subjects.route(host), { type: "RouteStaged", host, stage: "s", elbs: ["out"], content });
  world.going();
  expect(world.stops).toEqual([]);
  const later = new Groups().has("out", "public");
  later.append(subjects.route(host), { type: "RouteStaged", host, stage: "s", elbs: ["out"], content });
  later.append(subjects.route(host), {
    ...{ type: "RouteStageEnded", host, stage: "s", because: "aborted", detail: "" },
  });
  later.serving();
  expect(later.scale("shop-web-a", 0).passes({ elbs: later.all })).toMatchObject([{ drain: false }, {}]);
});
