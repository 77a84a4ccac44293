import { type EruEvent, rulesFrom, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { rowsAfter } from "../testkit/tables.ts";
import { appSpec, World } from "../testkit/world.ts";

/** A world after messages of one event each. */
function after(...appended: readonly (readonly [subject: string, event: EruEvent])[]): World {
  const world = new World();
  for (const [subject, event] of appended) world.append(subject, "user:ada", [event]);
  return world;
}

const pod = (name: string, description = "") =>
  [subjects.pod(name), { type: "PodAdded", pod: name, description }] as const;
const n1 = subjects.node("n1");
const nodeAdded = [n1, { type: "NodeAdded", node: "n1", pod: "p1", labels: { zone: "a" } }] as const;
const observed = [
  subjects.fact("n1"),
  {
    type: "NodeObserved",
    ...{ node: "n1", resources: { cpu: 1.5, memoryMib: 900 }, engine: "20.10", agentVersion: "1" },
  },
] as const;
const judged = (event: EruEvent) => [subjects.decision("p1"), event] as const;

test("pods: added and removed", () => {
  const world = after(pod("p1", "one"), pod("p2"), [subjects.pod("p2"), { type: "PodRemoved", pod: "p2" }]);
  expect(rowsAfter(world, "pods")).toEqual([
    { pod: "p1", description: "one", addedSeq: 1, addedAt: "2026-01-01T00:00:01.000Z" },
  ]);
});

test("nodes: what users say", () => {
  const world = after(
    nodeAdded,
    [n1, { type: "NodeLabelled", node: "n1", labels: { disk: "ssd" } }],
    [n1, { type: "NodeResourcesSet", node: "n1", resources: { cpu: 0.25, memoryMib: 64 } }],
    [n1, { type: "NodeCordoned", node: "n1", reason: "disk" }],
  );
  expect(rowsAfter(world, "nodes")).toMatchObject([
    {
      pod: "p1",
      labels: '{"disk":"ssd"}',
      given: '{"cpu":0.25,"memoryMib":64}',
      cordoned: 1,
      cordonReason: "disk",
    },
  ]);
  world.append(n1, "user:ada", [{ type: "NodeUncordoned", node: "n1" }]);
  expect(rowsAfter(world, "nodes")).toMatchObject([{ cordoned: 0, cordonReason: null }]);
  world.append(n1, "user:ada", [{ type: "NodeRemoved", node: "n1" }]);
  expect(rowsAfter(world, "nodes")).toEqual([]);
});

test("nodes: an agent may speak before its node is added", () => {
  const facts = rowsAfter(after(observed, nodeAdded), "nodeFacts");
  expect(facts).toMatchObject([
    { node: "n1", observed: expect.stringContaining('"cpu":1.5'), engine: "20.10", engineReachable: 1 },
  ]);
  expect(rowsAfter(after(observed, nodeAdded), "nodes")).toMatchObject([{ given: null }]);
});

test("nodes: alive is who the scheduler says is", () => {
  const liveness = (world: World) => rowsAfter(world, "nodeFacts")[0]?.liveness;
  const world = after(nodeAdded, observed);
  expect(liveness(world)).toBe("unknown");
  const say = (event: EruEvent, is: string) => {
    world.append(subjects.decision("p1"), "scheduler", [event]);
    expect(liveness(world)).toBe(is);
  };
  say({ type: "NodeRecovered", pod: "p1", node: "n1" }, "alive");
  say({ type: "NodeSuspected", pod: "p1", node: "n1", silentMs: 2_000 }, "suspected");
  say({ type: "NodeLost", pod: "p1", node: "n1", silentMs: 6_000, workloads: 0 }, "lost");
  world.append(...factOf(observed), [observed[1]]);
  expect(liveness(world)).toBe("lost");
  say({ type: "NodeRecovered", pod: "p1", node: "n1" }, "alive");
  world.append(n1, "user:ada", [{ type: "NodeRemoved", node: "n1" }]);
  world.append(n1, "user:ada", [nodeAdded[1]]);
  expect(liveness(world)).toBe("unknown");
});

const factOf = ([subject]: readonly [string, EruEvent]) => [subject, "agent:n1"] as const;

test("nodes: an engine that does not answer, and answers again", () => {
  const silent = after(observed, [
    subjects.fact("n1"),
    { type: "EngineUnreachable", node: "n1", error: "connection refused" },
  ]);
  expect(rowsAfter(silent, "nodeFacts")).toMatchObject([
    { engineReachable: 0, engineError: "connection refused" },
  ]);
  silent.append(subjects.fact("n1"), "agent:n1", [{ type: "EngineBack", node: "n1" }]);
  expect(rowsAfter(silent, "nodeFacts")).toMatchObject([{ engineReachable: 1, engineError: null }]);
});

const released = (release: string, image: string): [string, EruEvent] => [
  subjects.app("shop"),
  {
    type: "ReleaseRegistered",
    ...{ app: "shop", release, image, spec: appSpec("shop"), specText: "appname: shop" },
  },
];

test("apps and releases: an app takes its releases with it", () => {
  const world = after(
    [subjects.app("shop"), { type: "AppRegistered", app: "shop" }],
    released("v1", "shop:1"),
    released("v2", "shop:2"),
  );
  expect(rowsAfter(world, "apps")).toMatchObject([{ app: "shop", registeredSeq: 1 }]);
  expect(rowsAfter(world, "releases")).toMatchObject([
    { release: "v1", image: "shop:1", gitSha: null, registeredBy: "user:ada" },
    { release: "v2", image: "shop:2", registeredSeq: 3 },
  ]);
  world.append(subjects.app("shop"), "user:ada", [{ type: "AppRemoved", app: "shop" }]);
  expect(rowsAfter(world, "apps")).toEqual([]);
  expect(rowsAfter(world, "releases")).toEqual([]);
});

const routed = (host: string, app: string): [string, EruEvent] => [
  subjects.route(host),
  { type: "RouteDeclared", host, rules: rulesFrom([{ app, entrypoint: "web" }]) },
];

test("routes: declared again replaces, removed goes", () => {
  const world = after(
    routed("a.localhost", "shop"),
    routed("b.localhost", "shop"),
    routed("a.localhost", "blog"),
    [subjects.route("b.localhost"), { type: "RouteRemoved", host: "b.localhost" }],
  );
  expect(rowsAfter(world, "routes")).toMatchObject([
    { host: "a.localhost", content: expect.stringContaining("blog"), declaredSeq: 3 },
  ]);
});

test("load balancers: how far, and what was refused last", () => {
  const applied = (appliedSeq: number): [string, EruEvent] => [
    subjects.elb("e1"),
    { type: "RouteTableApplied", elb: "e1", bootId: "b", appliedSeq, changedPools: 1, changedHosts: 2 },
  ];
  const rejected: [string, EruEvent] = [
    subjects.elb("e1"),
    { type: "RouteRejected", elb: "e1", host: "a.localhost", reason: "too long" },
  ];
  expect(rowsAfter(after(rejected, applied(1), applied(2)), "elbs")).toMatchObject([
    { elb: "e1", appliedSeq: 2, changedHosts: 2, rejected: expect.stringContaining("too long") },
  ]);
});

test("users: a token is counted once, whoever repeats it", () => {
  const issued: [string, EruEvent] = [
    subjects.user("ada"),
    { type: "TokenIssued", user: "ada", tokenHash: "a".repeat(64) },
  ];
  const world = after([subjects.user("ada"), { type: "UserAdded", user: "ada" }], issued, issued);
  expect(rowsAfter(world, "users")).toMatchObject([{ user: "ada", tokens: 1 }]);
  expect(rowsAfter(world, "tokens")).toEqual([{ tokenHash: "a".repeat(64), user: "ada" }]);
});

test("events: each with its place, cause and what it is about; no hash of a token", () => {
  const world = after(pod("p1"), nodeAdded, judged({ type: "NodeRecovered", pod: "p1", node: "n1" }), [
    subjects.user("ada"),
    { type: "TokenIssued", user: "ada", tokenHash: "a".repeat(64) },
  ]);
  const events = rowsAfter(world, "events");
  expect(events).toMatchObject([
    { position: 4096, type: "PodAdded", actor: "user:ada", messageId: "m1", correlationId: "m1" },
    { position: 8192, subject: "eru.node.n1", payload: expect.stringContaining('"labels":{"zone":"a"}') },
    { type: "NodeRecovered" },
    { type: "TokenIssued", payload: '{"user":"ada"}' },
  ]);
  const objects = new Map(rowsAfter(world, "objects").map(({ id, object }) => [id, object]));
  const about = rowsAfter(world, "eventObjects")
    .filter(({ position }) => position >= 8192 && position < 4 * 4096)
    .map(({ objectId, position }) => `${position / 4096} ${objects.get(objectId)}`);
  expect(about.toSorted()).toEqual(["2 node:n1", "2 pod:p1", "3 node:n1", "3 pod:p1"]);
});
