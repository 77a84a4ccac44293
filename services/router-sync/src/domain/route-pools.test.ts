// What rules say beyond prefixes, as pools of the table: releases, tracks, mirrors, fallbacks, slow start and checks.
import { type EruEvent, RouteContent, type RouteEvent } from "@eru/events";
import { expect, test } from "vitest";
import { assigned, healthy, recorder, routeRemoved, started } from "../testing.ts";
import { RouteFold } from "./route-fold.ts";

const to = { app: "hello", entrypoint: "web" };

function up(workload: string, release = "v1"): EruEvent[] {
  const order = assigned(workload);
  return [{ ...order, template: { ...order.template, release } }, started(workload), healthy(workload)];
}

const declared = (host: string, forward: object, more: object = {}): RouteEvent => ({
  type: "RouteDeclared",
  host,
  ...RouteContent.parse({ rules: [{ id: "all", action: { forward } }], ...more }),
});
const forwarding = (...selectors: object[]) => ({
  backends: selectors.map((one) => ({ to: { ...to, ...one } })),
});

function folded(...events: EruEvent[]): RouteFold {
  const fold = new RouteFold("default");
  for (const recorded of events.map(recorder())) {
    fold.apply(recorded);
    fold.takeChanges();
  }
  return fold;
}

type PoolJson = {
  eps: { id: string; release: string; since?: number }[];
  slowStartMs?: number;
  check?: object;
};
const pool = (fold: RouteFold, name: string): PoolJson => JSON.parse(fold.table.get(`p:${name}`) ?? "null");
const ids = (fold: RouteFold, name: string) => pool(fold, name)?.eps.map(({ id }) => id);

test("a release is a pool of its own", () => {
  const fold = folded(
    declared("a.org", forwarding({ release: "v1" }, { release: "v2" }, {})),
    ...up("hello-web-1"),
    ...up("hello-web-2", "v2"),
  );
  expect(ids(fold, "hello/web=v1")).toEqual(["hello-web-1"]);
  expect(ids(fold, "hello/web=v2")).toEqual(["hello-web-2"]);
  expect(pool(fold, "hello/web").eps.map(({ release }) => release)).toEqual(["v1", "v2"]);
});

const placed = (templateSeq: number, ...workloads: string[]): EruEvent => ({
  type: "PlacementDecided",
  deployment: "hello-web",
  release: "v1",
  because: "deployed",
  templateSeq,
  placed: workloads.map((workload) => ({ workload, node: "n1" })),
  waiting: 0,
  reasons: {
    policy: "p",
    inputSeq: 1,
    wanted: 1,
    resources: { cpu: 0, memoryMib: 0 },
    nodesTotal: 1,
    candidatesTotal: 1,
    scores: [],
    rejectedTotals: {},
    rejected: [],
    wouldHelp: [],
  },
});
const stepped = (step: "started" | "completed", templateSeq = 9): EruEvent => ({
  type: "RolloutStepped",
  deployment: "hello-web",
  release: "v1",
  templateSeq,
  step,
  fresh: 0,
  stale: 1,
  detail: "",
  elbs: [],
});

test("canary is what a rollout under way brings, also of the same release; stable is the rest", () => {
  const tracks = declared("a.org", forwarding({ track: "stable" }, { track: "canary" }));
  const before = [tracks, placed(1, "hello-web-1"), ...up("hello-web-1")];
  const during = [...before, stepped("started"), placed(9, "hello-web-2"), ...up("hello-web-2")];
  expect(ids(folded(...before), "hello/web~stable")).toEqual(["hello-web-1"]);
  expect(ids(folded(...before), "hello/web~canary")).toEqual([]);
  expect(ids(folded(...during), "hello/web~stable")).toEqual(["hello-web-1"]);
  expect(ids(folded(...during), "hello/web~canary")).toEqual(["hello-web-2"]);
  const after = folded(...during, stepped("completed"));
  expect(ids(after, "hello/web~stable")).toEqual(["hello-web-1", "hello-web-2"]);
  expect(ids(after, "hello/web~canary")).toEqual([]);
});

test("mirrors and fallbacks have pools as long as a host names them", () => {
  const forward = {
    ...forwarding({}),
    mirror: { ...to, entrypoint: "shadow" },
    fallback: { ...to, entrypoint: "sorry" },
  };
  const fold = folded(declared("a.org", forward), ...up("hello-shadow-1"), ...up("hello-sorry-1"));
  expect(ids(fold, "hello/shadow")).toEqual(["hello-shadow-1"]);
  expect(ids(fold, "hello/sorry")).toEqual(["hello-sorry-1"]);
  expect(fold.hostsOf("hello/sorry")).toEqual(["a.org"]);
  const gone = folded(declared("a.org", forward), ...up("hello-shadow-1"), routeRemoved("a.org"));
  expect([...gone.table.keys()]).toEqual(["g:forward"]);
});

test("a rule that is not enabled has no line and no pool", () => {
  const off = { id: "off", enabled: false, action: { forward: forwarding({ release: "v9" }) } };
  const on = { id: "on", action: { forward: forwarding({}) } };
  const fold = folded({ type: "RouteDeclared", host: "a.org", ...RouteContent.parse({ rules: [off, on] }) });
  expect([...fold.table.keys()].sort()).toEqual(["g:forward", "p:hello/web", "r:a.org"]);
  expect(fold.table.get("r:a.org")).not.toContain("off");
});

test("with a slow start endpoints say since when they are healthy; without it they do not", () => {
  const plain = folded(declared("a.org", forwarding({})), ...up("hello-web-1"));
  expect(pool(plain, "hello/web").eps[0]).not.toHaveProperty("since");
  const slow = folded(declared("a.org", forwarding({}), { slowStartMs: 30_000 }), ...up("hello-web-1"));
  expect(pool(slow, "hello/web")).toMatchObject({
    slowStartMs: 30_000,
    eps: [{ since: Date.parse("2026-01-01T00:00:00Z") / 1_000 }],
  });
});

test("hosts that share a pool share its care: the longest slow start, and the check of the first by name", () => {
  const check = { path: "/b" };
  const fold = folded(
    declared("c.org", forwarding({}), { slowStartMs: 9_000, check: { path: "/c" } }),
    declared("b.org", forwarding({}), { slowStartMs: 1_000, check }),
    declared("a.org", forwarding({})),
  );
  expect(pool(fold, "hello/web")).toMatchObject({ slowStartMs: 9_000, check });
  expect(pool(folded(declared("a.org", forwarding({}))), "hello/web")).toEqual({ eps: [] });
});
