import { statSync } from "node:fs";
import { join } from "node:path";
import type { RebalanceReply } from "@eru/events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
let place: { cwd: string };

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
});
afterEach(() => server[Symbol.asyncDispose]());

const route = "POST /v1/pods/demo/rebalance";
const move = { deployment: "hello-web-a", workload: "hello-web-a-1", from: "n1", to: "n2" };
const reply: RebalanceReply = {
  atSeq: 7,
  pod: "demo",
  goal: "even",
  moves: [{ ...move, gain: "hello/web: 3 on n1, 0 on n2" }],
  before: { crowded: 1, unevenness: 0.2, stranded: 0.1, emptyNodes: 1 },
  after: { crowded: 0, unevenness: 0.05, stranded: 0.125, emptyNodes: 0 },
  emptied: [],
  more: true,
  staying: { "it is not healthy": 2 },
  risks: [{ deployment: "hello-web-a", risks: [{ reason: "no_route", detail: "no route leads to it" }] }],
};
const one = (more: object) => ({
  json: {
    ...{ seq: 12, rebalance: 12, pod: "demo", goal: "even", requestedAt: "now", requestedBy: "user:ada" },
    ...{ moves: 1, waiting: 0, moving: 0, moved: 0, dropped: 0, gone: 0 },
    list: [{ ...move, state: "moved", replacement: "hello-web-a-4", detail: null }],
    ...more,
  },
});

test("a dry run shows the moves, what is gained, what stays and what may cost requests", async () => {
  server.on(route, { json: reply });
  const { code, out } = await eru(place, "rebalance demo --dry-run --goal even --moves 1".split(" "));
  expect(code).toBe(0);
  for (const part of [
    /^dry run, nothing recorded: 1 workload would move/,
    /unevenness of nodes +20 % +5 %/,
    /hello-web-a-1 +n1 +n2 +hello\/web: 3 on n1, 0 on n2/,
    /the budget ends it here/,
    /2 workloads: it is not healthy/,
    /hello-web-a: not without downtime:\n {2}- no route leads to it/,
  ])
    expect(out).toMatch(part);
  expect(server.asked(route)[0]).toMatchObject({
    query: { dryRun: "true" },
    body: { goal: "even", movesMax: 1 },
  });
});

test("a plan is saved for its owner and applied with the moves that it expects, for its own pod alone", async () => {
  server.on(route, { json: reply }, { status: 202, json: { seq: 12, changed: true, pod: "demo" } });
  await eru(place, "rebalance demo --dry-run --save r.json".split(" "));
  expect(statSync(join(place.cwd, "r.json")).mode & 0o777).toBe(0o600);
  expect(await eru(place, "rebalance demo --plan r.json".split(" "))).toMatchObject({
    code: 0,
    out: expect.stringContaining("workloads of pod demo are moving"),
  });
  expect(server.asked(route)[1]?.body).toEqual({ goal: "even", expect: { atSeq: 7, moves: [move] } });
  expect(await eru(place, "rebalance other --plan r.json".split(" "))).toMatchObject({
    code: 2,
    err: expect.stringContaining("r.json is a plan for pod demo, not for other"),
  });
});

test("--wait says how it goes and ends with the moves; one that stays is not success", async () => {
  server.on(route, { status: 202, json: { seq: 12, changed: true, pod: "demo" } });
  server.on("GET /v1/rebalances/12", one({ moving: 1 }), one({ moved: 1 }));
  const done = await eru(place, "rebalance demo --wait".split(" "));
  expect(done).toMatchObject({ code: 0, err: expect.stringContaining("0 of 1 moved, 1 on the way") });
  expect(done.out).toMatch(/1 of 1 moved[\s\S]*hello-web-a-1 +n1 +n2 +moved +hello-web-a-4/);
  server.on("GET /v1/rebalances/12", one({ dropped: 1 }));
  expect(await eru(place, "rebalance demo --wait".split(" "))).toMatchObject({ code: 1 });
});

test("nothing to move is said, and so is a pod that was never rebalanced", async () => {
  server.on(route, { json: { seq: 12, changed: false, pod: "demo" } });
  server.on("GET /v1/rebalances", { json: { seq: 12, items: [], next: null } });
  expect((await eru(place, ["rebalance", "demo"])).out).toContain(
    "nothing of pod demo would lie better elsewhere",
  );
  expect((await eru(place, ["rebalance", "demo", "--show"])).out).toContain("was never rebalanced");
  expect((await eru(place, ["rebalance", "demo", "--list"])).out).toContain("was never rebalanced");
});
