import type { EruEvent } from "@eru/events";
import { expect, test } from "vitest";
import {
  assigned,
  exited,
  healthy,
  ipOf,
  nodeLost,
  nodeRecovered,
  recorder,
  removal,
  removed,
  route,
  routeRemoved,
  started,
  stopAssigned,
  stopDecided,
  unhealthy,
} from "../testing.ts";
import { RouteFold } from "./route-fold.ts";

const up = (workload: string, node = "n1"): EruEvent[] => [
  assigned(workload, node),
  started(workload, node),
  healthy(workload, node),
];
const helloRoute = route("hello.org", "/ hello/web");

function folded(...events: EruEvent[]): RouteFold {
  const fold = new RouteFold("default");
  for (const recorded of events.map(recorder())) {
    fold.apply(recorded);
    fold.takeChanges(); // So that what an event changes is seen only if the event touches it.
  }
  return fold;
}

/** The endpoints of a pool as `id` or `id draining`; undefined when the table has no such pool. */
function pool(fold: RouteFold, name = "hello/web"): string[] | undefined {
  const json = fold.table.get(`p:${name}`);
  if (json === undefined) return undefined;
  const { eps } = JSON.parse(json) as { eps: { id: string; s: string }[] };
  return eps.map(({ id, s }) => (s === "d" ? `${id} draining` : id));
}

test("a healthy workload of a routed entrypoint is in its pool, with address and port", () => {
  const fold = folded(helloRoute, ...up("hello-web-1"));
  expect(JSON.parse(fold.table.get("p:hello/web") ?? "")).toEqual({
    eps: [{ id: "hello-web-1", ip: ipOf("hello-web-1"), port: 8080, w: 1, s: "a", release: "abc1234" }],
  });
  expect(JSON.parse(fold.table.get("r:hello.org") ?? "")).toEqual({
    rules: [
      {
        id: "/",
        when: [{ path: { prefix: "/" } }],
        forward: { backends: [{ pool: "hello/web", weight: 1 }] },
      },
    ],
  });
});

test("without a route there is no pool, and a removed route takes its pool along", () => {
  expect([...folded(...up("hello-web-1")).table.keys()]).toEqual(["g:forward"]);
  const fold = folded(...up("hello-web-1"), helloRoute, routeRemoved("hello.org"));
  expect([...fold.table.keys()]).toEqual(["g:forward"]);
});

test("a pool stays while another host uses it", () => {
  const fold = folded(
    ...up("hello-web-1"),
    helloRoute,
    route("b.org", "/ hello/web"),
    routeRemoved("hello.org"),
  );
  expect(pool(fold)).toEqual(["hello-web-1"]);
  expect(fold.hostsOf("hello/web")).toEqual(["b.org"]);
});

test("a route with nothing to send to has an empty pool", () => {
  expect(pool(folded(helloRoute))).toEqual([]);
});

test("rules stand longest prefix first", () => {
  const fold = folded(route("hello.org", "/ hello/web", "/api/v2 hello/api", "/api hello/api"));
  const { rules } = JSON.parse(fold.table.get("r:hello.org") ?? "") as { rules: { id: string }[] };
  expect(rules.map(({ id }) => id)).toEqual(["/api/v2", "/api", "/"]);
});

test("a rule's pod and port choose members and make a pool of their own", () => {
  const inPod = (workload: string, pod: string) => [
    assigned(workload, "n1", { pod }),
    started(workload),
    healthy(workload),
  ];
  const fold = folded(
    ...inPod("hello-web-1", "demo"),
    ...inPod("hello-web-2", "other"),
    route("hello.org", "/ hello/web", "/pod hello/web@other", "/port hello/web:9090", "/none hello/web:1"),
  );
  expect(pool(fold)).toEqual(["hello-web-1", "hello-web-2"]);
  expect(pool(fold, "hello/web@other")).toEqual(["hello-web-2"]);
  expect(fold.table.get("p:hello/web:9090")).toContain('"port":9090');
  expect(pool(fold, "hello/web:1")).toEqual([]);
});

test.each<[string, EruEvent]>([
  ["became unhealthy", unhealthy("hello-web-1")],
  ["exited", exited("hello-web-1")],
  ["was started again and is not healthy yet", started("hello-web-1", "n1", { attempt: 2 })],
  ["disappeared", removed("hello-web-1", "n1", false)],
  ["was removed", removed("hello-web-1")],
  ["shall stop", stopAssigned("hello-web-1")],
  ["is removed without a drain", removal("hello-web-1", { drain: false })],
])("a workload that %s is out of the pool", (_what, event) => {
  expect(pool(folded(helloRoute, ...up("hello-web-1"), event))).toEqual([]);
});

test("a workload that disappeared and runs again is back", () => {
  const fold = folded(
    helloRoute,
    ...up("hello-web-1"),
    removed("hello-web-1", "n1", false),
    started("hello-web-1", "n1", { attempt: 2 }),
    healthy("hello-web-1", "n1", 2),
  );
  expect(pool(fold)).toEqual(["hello-web-1"]);
});

test("health of an earlier attempt or generation says nothing about the container that runs", () => {
  const again = started("hello-web-1", "n1", { attempt: 2 });
  expect(pool(folded(helloRoute, ...up("hello-web-1"), again, healthy("hello-web-1", "n1", 1)))).toEqual([]);
  const newer = started("hello-web-1", "n1", { generation: 3 });
  expect(pool(folded(helloRoute, ...up("hello-web-1"), newer, healthy("hello-web-1")))).toEqual([]);
  expect(pool(folded(helloRoute, ...up("hello-web-1"), newer, exited("hello-web-1")))).toEqual([]);
});

test("a late fact about an earlier container does not disturb the one that serves", () => {
  const newer = [started("hello-web-1", "n1", { generation: 3 }), healthy("hello-web-1", "n1", 1, 3)];
  expect(pool(folded(helloRoute, ...up("hello-web-1"), ...newer, exited("hello-web-1")))).toEqual([
    "hello-web-1",
  ]);
  const again = [started("hello-web-1", "n1", { attempt: 2 }), healthy("hello-web-1", "n1", 2)];
  expect(pool(folded(helloRoute, ...up("hello-web-1"), ...again, unhealthy("hello-web-1")))).toEqual([
    "hello-web-1",
  ]);
  expect(pool(folded(helloRoute, ...up("hello-web-1"), ...again, exited("hello-web-1")))).toEqual([
    "hello-web-1",
  ]);
});

test("facts about workloads that were never assigned change nothing", () => {
  expect(pool(folded(helloRoute, started("hello-web-1"), healthy("hello-web-1")))).toEqual([]);
});

test("a removal with drain keeps the endpoint as draining until the stop", () => {
  const draining = [helloRoute, ...up("hello-web-1"), ...up("hello-web-2"), removal("hello-web-1")];
  const fold = folded(...draining);
  expect(pool(fold)).toEqual(["hello-web-2", "hello-web-1 draining"]);
  expect([...fold.drains.keys()]).toEqual(["hello-web-1"]);
  const stopped = folded(...draining, stopDecided("hello-web-1"));
  expect(pool(stopped)).toEqual(["hello-web-2"]);
  expect(stopped.drains.size).toBe(0);
});

test("a drain is pending also for a workload that no route reaches", () => {
  expect([...folded(removal("hello-web-9")).drains.keys()]).toEqual(["hello-web-9"]);
});

test("endpoints on a lost node leave the pool when others remain, and come back with the node", () => {
  const both = [helloRoute, ...up("hello-web-1", "n1"), ...up("hello-web-2", "n2")];
  expect(pool(folded(...both, nodeLost("n1")))).toEqual(["hello-web-2"]);
  expect(pool(folded(...both, nodeLost("n1"), nodeRecovered("n1")))).toEqual(["hello-web-1", "hello-web-2"]);
});

test("a lost node never empties a pool: its addresses are held until something else is healthy", () => {
  const alone = [helloRoute, ...up("hello-web-1", "n1"), nodeLost("n1")];
  const held = folded(...alone);
  expect(pool(held)).toEqual(["hello-web-1"]);
  expect([...held.heldPools]).toEqual(["hello/web"]);
  const given = folded(
    ...alone,
    removal("hello-web-1", { because: "node_lost", drain: false }),
    stopAssigned("hello-web-1"),
  );
  expect(pool(given)).toEqual(["hello-web-1"]);
  const replaced = folded(...alone, ...up("hello-web-2", "n2"));
  expect(pool(replaced)).toEqual(["hello-web-2"]);
  expect(replaced.heldPools.size).toBe(0);
});

test("an address given up for good never returns once the deployment served again", () => {
  const fold = folded(
    helloRoute,
    ...up("hello-web-1", "n1"),
    nodeLost("n1"),
    removal("hello-web-1", { because: "node_lost", drain: false }),
    ...up("hello-web-2", "n2"),
    exited("hello-web-2", "n2"),
  );
  expect(pool(fold)).toEqual([]);
});

test("removing the deployment lets go of addresses on lost nodes", () => {
  const fold = folded(
    helloRoute,
    ...up("hello-web-1", "n1"),
    nodeLost("n1"),
    removal("hello-web-1", { because: "node_lost", drain: false }),
    { type: "RemovalRequested", deployment: "hello-web" },
  );
  expect(pool(fold)).toEqual([]);
});

test("an unhealthy workload is not held: its agent was heard", () => {
  expect(
    pool(folded(helloRoute, ...up("hello-web-1", "n1"), unhealthy("hello-web-1"), nodeLost("n1"))),
  ).toEqual([]);
});

test("changes name what was recomputed, once, with the newest event that touched it", () => {
  const fold = new RouteFold("default");
  const record = recorder();
  for (const event of [helloRoute, assigned("hello-web-1"), started("hello-web-1")])
    fold.apply(record(event));
  expect([...fold.takeChanges().touched].sort()).toEqual(["g:forward", "p:hello/web", "r:hello.org"]);
  fold.apply(record(healthy("hello-web-1")));
  fold.apply(record({ type: "PodAdded", pod: "demo", description: "" }));
  const { touched, cause } = fold.takeChanges();
  expect([...touched]).toEqual(["p:hello/web"]);
  expect(cause).toEqual({ correlationId: "c4", causationId: "m4/0" });
  expect(fold.takeChanges().touched.size).toBe(0);
  expect(fold.seq).toBe(5);
});

test("a workload that turns healthy touches its pool also when no port fits, so that who waits for it is answered", () => {
  const fold = new RouteFold("default");
  const record = recorder();
  for (const event of [route("hello.org", "/ hello/web:1"), assigned("hello-web-1"), started("hello-web-1")])
    fold.apply(record(event));
  fold.takeChanges();
  fold.apply(record(healthy("hello-web-1")));
  expect([...fold.takeChanges().touched]).toEqual(["p:hello/web:1"]);
});

const changed = (workload: string, drain = true): EruEvent => ({
  ...{ type: "ChangeDecided", deployment: "hello-web", workload, node: "n1", change: "restart" },
  ...{ requestSeq: 1, drain, drainDeadlineMs: 5_000, risk: "" },
});
const again = (workload: string): EruEvent => ({
  ...(assigned(workload, "n1") as Extract<EruEvent, { type: "WorkloadAssigned" }>),
  generation: 2,
  keep: "restarted",
});

test("a workload that is restarted drains, is out until the new start is healthy, and is back", () => {
  const events = [helloRoute, ...up("hello-web-1"), ...up("hello-web-2"), changed("hello-web-1")];
  const draining = folded(...events);
  expect(pool(draining)).toEqual(["hello-web-2", "hello-web-1 draining"]);
  expect([...draining.drains.keys()]).toEqual(["hello-web-1"]);
  const ordered = folded(...events, again("hello-web-1"));
  expect(pool(ordered)).toEqual(["hello-web-2"]);
  expect(ordered.drains.size).toBe(0);
  const old = folded(...events, again("hello-web-1"), healthy("hello-web-1", "n1"));
  expect(pool(old)).toEqual(["hello-web-2"]);
  const anew = [started("hello-web-1", "n1"), healthy("hello-web-1", "n1")].map(
    (event) => ({ ...event, generation: 2 }) as EruEvent,
  );
  expect(pool(folded(...events, again("hello-web-1"), ...anew))).toEqual(["hello-web-1", "hello-web-2"]);
});

test("the end of the container that another one replaces is not the end of the workload", () => {
  const replaced = { ...again("hello-web-1"), keep: undefined } as EruEvent;
  const gone = removed("hello-web-1", "n1");
  const anew = [started("hello-web-1", "n1"), healthy("hello-web-1", "n1")].map(
    (event) => ({ ...event, generation: 2 }) as EruEvent,
  );
  const old = { ...gone, generation: 1, ordered: true } as EruEvent;
  expect(pool(folded(helloRoute, ...up("hello-web-1"), replaced, old, ...anew))).toEqual(["hello-web-1"]);
});
