import type { EruEvent } from "@eru/events";
import { expect, test } from "vitest";
import { assigned, healthy, nodeLost, nodeRecovered, recorder, removal, route, started } from "../testing.ts";
import { LostNodes } from "./lost-nodes.ts";
import { RouteFold } from "./route-fold.ts";

const serving = (counts: Record<string, number>) => ({
  on: (node: string) => counts[node] ?? 0,
  inAll: Object.values(counts).reduce((sum, n) => sum + n, 0),
});

test("several nodes with more than half of all endpoints, lost within ten seconds, are held together", () => {
  const nodes = new LostNodes();
  const counts = serving({ a: 2, b: 2, c: 3 });
  expect(nodes.lose("a", 1_000, counts)).toEqual(["a"]);
  expect(nodes.holds("a")).toBe(false);
  expect(nodes.lose("b", 11_000, counts)).toEqual(["a", "b"]);
  expect([...nodes.held]).toEqual(["a", "b"]);
  nodes.recover("a");
  expect([...nodes.held]).toEqual(["b"]);
  expect(nodes.has("a")).toBe(false);
});

test("exactly half, one node alone, or losses further apart are believed", () => {
  const half = new LostNodes();
  const even = serving({ a: 1, b: 1, c: 2 });
  half.lose("a", 0, even);
  expect(half.lose("b", 1, even)).toEqual(["b"]);
  expect(half.held.size).toBe(0);
  const alone = new LostNodes();
  alone.lose("a", 0, serving({ a: 9, b: 1 }));
  expect(alone.held.size).toBe(0);
  const apart = new LostNodes();
  const counts = serving({ a: 2, b: 2, c: 3 });
  apart.lose("a", 0, counts);
  apart.lose("b", 10_001, counts);
  expect(apart.held.size).toBe(0);
});

test("what was lost long before does not count for the whole", () => {
  const nodes = new LostNodes();
  const counts = serving({ old: 10, a: 2, b: 2, c: 3 });
  nodes.lose("old", 0, counts);
  nodes.lose("a", 60_000, counts);
  expect(nodes.lose("b", 60_001, counts)).toEqual(["a", "b"]);
});

test("a load balancer that hears of half its world going keeps the addresses, until the deployment serves elsewhere", () => {
  const record = recorder();
  const fold = new RouteFold("default");
  const happens = (...events: EruEvent[]) => {
    for (const one of events) fold.apply(record(one));
  };
  const active = (): string[] =>
    (JSON.parse(fold.table.get("p:hello/web") ?? "") as { eps: { id: string }[] }).eps.map(({ id }) => id);
  happens(route("a.org", "/ hello/web"));
  const places = { "hello-web-1": "n1", "hello-web-2": "n2", "hello-web-3": "n3" };
  for (const [id, on] of Object.entries(places)) happens(assigned(id, on), started(id, on), healthy(id, on));
  happens(nodeLost("n1"));
  expect(active()).toEqual(["hello-web-2", "hello-web-3"]);
  happens(nodeLost("n2"));
  expect(active()).toEqual(["hello-web-1", "hello-web-2", "hello-web-3"]);
  expect([...fold.heldNodes]).toEqual(["n1", "n2"]);
  happens(removal("hello-web-1", { node: "n1", because: "node_lost", drain: false }));
  expect(active()).toEqual(["hello-web-1", "hello-web-2", "hello-web-3"]);
  happens(assigned("hello-web-4", "n3"), started("hello-web-4", "n3"), healthy("hello-web-4", "n3"));
  expect(active()).toEqual(["hello-web-2", "hello-web-3", "hello-web-4"]);
  happens(nodeRecovered("n2"));
  expect(active()).toEqual(["hello-web-2", "hello-web-3", "hello-web-4"]);
  expect([...fold.heldNodes]).toEqual(["n1"]);
});
